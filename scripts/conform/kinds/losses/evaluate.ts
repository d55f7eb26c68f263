import type { LossResult } from '@qilin-med/losses'
import { compile, type NdArray, type Runtime, type Tensor, valueAndGrad } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import type { Outcome } from '../../kind'
import type { Numbers } from './golden'

/** A float32 argument. */
export const floats = (values: ArrayLike<number>, shape: readonly number[] = [values.length]): NdArray => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
})

/** An int32 argument. */
export const ints = (values: readonly number[]): NdArray => ({
  dtype: 'int32',
  shape: [values.length],
  data: Int32Array.from(values),
})

/** A boolean argument. */
export const bools = (values: readonly boolean[]): NdArray => ({
  dtype: 'bool',
  shape: [values.length],
  data: Uint8Array.from(values, Number),
})

/** Arguments of a loss by name. */
export type Arrays = Readonly<Record<string, NdArray>>
/** The same while it is traced. */
export type Tensors<A extends Arrays> = { readonly [K in keyof A]: Tensor }

/** What a loss came to: `sum / weight`, the gradients of that, and the metrics. */
export interface Evaluated<P extends Arrays> {
  readonly value: number
  readonly gradients: { readonly [K in keyof P]: Numbers }
  readonly metrics: Readonly<Record<string, number>>
}

let runtime: Promise<Runtime> | undefined

/** Computes a loss and its gradient for `parameters` in float32 on ONNX Runtime. */
export const evaluate = async <P extends Arrays, I extends Arrays>(
  parameters: P,
  inputs: I,
  loss: (parameters: Tensors<P>, inputs: Tensors<I>) => LossResult,
): Promise<Evaluated<P>> => {
  runtime ??= nodeRuntime({ threads: 1 })
  const program = compile(
    (given: Tensors<P>, others: Tensors<I>) =>
      valueAndGrad((p: Tensors<P>) => {
        const { sum, weight, metrics } = loss(p, others)
        return [sum, weight, metrics] as const
      })(given),
    { runtime: await runtime },
  )
  const [[sum, weight, metrics], gradients] = (await program(parameters as never, inputs as never)) as unknown as [
    [NdArray, NdArray, Record<string, { sum: NdArray; weight: NdArray }>],
    Record<string, NdArray>,
  ]
  await program.dispose()
  const divisor = Number(weight.data[0])
  return {
    value: quotient(sum, weight),
    gradients: Object.fromEntries(
      Object.entries(gradients).map(([name, { shape, data }]) => [
        name,
        { shape, data: Float32Array.from(data as Float32Array, (x) => x / divisor) },
      ]),
    ) as Evaluated<P>['gradients'],
    metrics: Object.fromEntries(
      Object.entries(metrics).map(([name, metric]) => [name, quotient(metric.sum, metric.weight)]),
    ),
  }
}

const quotient = (sum: NdArray, weight: NdArray): number => Number(sum.data[0]) / Number(weight.data[0])

/** Tolerance of every comparison: relative, with 1e-6 absolute near 0. */
const tolerance = 1e-5
const nearZero = 0.1

const distance = (ours: number, theirs: number): number =>
  Math.abs(ours - theirs) / Math.max(Math.abs(theirs), nearZero)

/** Collects differences and keeps the largest with its name. */
export class Comparison {
  private worst = 0
  private where = ''

  number(name: string, ours: number | undefined, theirs: number): this {
    return this.note(name, ours === undefined ? Number.NaN : distance(ours, theirs))
  }

  /** Element by element, where `mask` is not 0. */
  array(name: string, ours: Numbers, theirs: Numbers, mask?: Numbers): this {
    if (ours.data.length !== theirs.data.length)
      throw new Error(`${name}: expected [${theirs.shape}], got [${ours.shape}]`)
    theirs.data.forEach((value, i) => {
      if (!mask || mask.data[i]) this.note(`${name}[${i}]`, distance(ours.data[i]!, value))
    })
    return this
  }

  /** The metrics that both sides have to have, but for those named in `except`. */
  metrics(
    ours: Readonly<Record<string, number>>,
    theirs: Readonly<Record<string, number>> = {},
    except: readonly string[] = [],
  ): this {
    for (const [name, value] of Object.entries(theirs)) if (!except.includes(name)) this.number(name, ours[name], value)
    return this
  }

  outcome(): Outcome {
    return { difference: this.worst, tolerance, ...(this.where && { detail: this.where }) }
  }

  private note(where: string, difference: number): this {
    if (!(difference <= this.worst)) {
      this.worst = difference
      this.where = where
    }
    return this
  }
}
