import {
  type Arguments,
  compile,
  evaluateProgram,
  type NdArray,
  type Results,
  type Runtime,
  referenceRuntime,
  type Tensor,
  trace,
} from '@qilin-med/tensor'

/** Reproducible numbers, uniform in [−scale, scale). */
export const random = (shape: readonly number[], seed: number, scale = 1): NdArray => {
  let state = seed * 2654435761
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const size = shape.reduce((product, length) => product * length, 1)
  return { dtype: 'float32', shape, data: Float32Array.from({ length: size }, () => (2 * next() - 1) * scale) }
}

/** A float32 array. */
export const floats = (values: readonly number[], shape: readonly number[] = [values.length]): NdArray => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
})

/** An int32 array. */
export const ints = (values: readonly number[], shape: readonly number[] = [values.length]): NdArray => ({
  dtype: 'int32',
  shape,
  data: Int32Array.from(values),
})

/** Runs `fn` once, by default in float64. */
export const run = async <A extends readonly unknown[], R>(
  fn: (...args: A) => R,
  args: Readonly<Arguments<A>>,
  runtime: Runtime = referenceRuntime(),
): Promise<Results<R>> => {
  const program = compile(fn, { runtime })
  const result = await program(...(args as Arguments<A>))
  await program.dispose()
  return result
}

/** Elements as plain numbers. */
export const numbers = (array: NdArray): number[] => Array.from(array.data as Float64Array, Number)

/** The only element. */
export const number = (array: NdArray): number => numbers(array)[0]!

/** Central differences of the scalar `fn` at `x`, in float64. */
export const differences = (fn: (x: Tensor) => Tensor, x: NdArray, step = 1e-5): number[] => {
  const { program } = trace(fn, [{ dtype: x.dtype, shape: x.shape }])
  const at = (index: number, by: number): number => {
    const data = Float64Array.from(x.data as Float32Array, Number)
    data[index]! += by
    return number(evaluateProgram(program, [{ ...x, data }], new Map())[0]!)
  }
  return numbers(x).map((_, i) => (at(i, step) - at(i, -step)) / (2 * step))
}

/** Largest absolute difference. */
export const distance = (a: readonly number[], b: readonly number[]): number =>
  a.length === b.length
    ? a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0)
    : Number.POSITIVE_INFINITY
