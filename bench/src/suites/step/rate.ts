import { compile, constant, f32, matmul, type NdArray, quantize, type Runtime, type Tensor } from '@qilin-med/tensor'

/** Rows, inner width and columns of the product whose rate counts as the machine's. */
const [rows, inner, columns] = [1024, 2048, 2048]

/** A product that can be timed. */
export interface RawRate extends AsyncDisposable {
  /** Operations per second of one matrix product and nothing else. */
  measure(): Promise<number>
}

/** What the frozen matrices of a step are multiplied in. */
export type ProductKind = 'float32' | 'int8'

/**
 * Rate of a plain product of 1024×2048 by a constant 2048×2048, laid out beforehand as the kernel likes it and written to
 * memory that exists: what a step is compared with. In int8 the operand is float32 and rounded on the way, as in a step.
 */
export const rawRate = async (runtime: Runtime, kind: ProductKind): Promise<RawRate> => {
  const values = noise([inner, columns])
  const weight = constant(kind === 'int8' ? quantize(values, { scheme: 'int8' }) : values) // square: either way round
  const product = compile((_: Tensor, a: Tensor) => [matmul(a, weight, { transposeB: kind === 'int8' })], {
    runtime,
    name: `raw-product-${kind}`,
    carry: true,
    prepack: true,
    inputs: [f32(rows, columns), f32(rows, inner)],
  })
  await product.prepare()
  const [result, a] = [await runtime.upload(noise([rows, columns])), await runtime.upload(noise([rows, inner]))]
  const once = async (): Promise<number> => {
    const start = performance.now()
    await product(result, a)
    return (2 * rows * inner * columns * 1000) / (performance.now() - start)
  }
  const measure = async (): Promise<number> => {
    await once() // the step has filled the caches with other things
    return Math.max(await once(), await once(), await once())
  }
  return { measure, [Symbol.asyncDispose]: () => product.dispose() }
}

const noise = (shape: readonly number[]): NdArray => {
  const data = Float32Array.from({ length: shape.reduce((size, length) => size * length, 1) }, (_, i) => Math.sin(i))
  return { dtype: 'float32', shape, data }
}
