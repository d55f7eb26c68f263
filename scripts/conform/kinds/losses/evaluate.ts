import type { LossResult } from '@qilin-med/losses'
import { compile, i32, type NdArray, type Runtime, type Tensor, type TypeTree, valueAndGrad } from '@qilin-med/tensor'
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

/** The identity matrix, with which hidden states are logits. */
export const identity = (size: number): NdArray =>
  floats(
    Array.from({ length: size * size }, (_, i) => Number(i % (size + 1) === 0)),
    [size, size],
  )

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

/** Computes arrays by name in float32 on ONNX Runtime. */
export const compute = async <I extends Arrays, Name extends string>(
  inputs: I,
  fn: (inputs: Tensors<I>) => Record<Name, Tensor>,
): Promise<Record<Name, Numbers>> => {
  runtime ??= nodeRuntime({ threads: 1 })
  const program = compile((given: Tensors<I>) => fn(given), { runtime: await runtime, inputs: [typesOf(inputs)] })
  const results = (await program(inputs as never)) as unknown as Record<Name, NdArray>
  await program.dispose()
  return mapValues(results, ({ shape, data }) => ({ shape, data: Float32Array.from(data as Float32Array, Number) }))
}

/** The shapes at hand, but empty lists of tokens as what they are in training: lists whose length happens to be 0. */
const typesOf = (inputs: Arrays): TypeTree =>
  mapValues(inputs, ({ dtype, shape }) => (shape[0] === 0 ? i32('N') : { dtype, shape }))

const mapValues = <K extends string, A, B>(record: Readonly<Record<K, A>>, map: (value: A) => B): Record<K, B> =>
  Object.fromEntries(Object.entries<A>(record).map(([key, value]) => [key, map(value)])) as Record<K, B>

/** Computes a loss and its gradient for `parameters` in float32 on ONNX Runtime. */
export const evaluate = async <P extends Arrays, I extends Arrays>(
  parameters: P,
  inputs: I,
  loss: (parameters: Tensors<P>, inputs: Tensors<I>) => LossResult,
): Promise<Evaluated<P>> => {
  const results = await compute({ ...prefixed('p.', parameters), ...prefixed('i.', inputs) }, (all) => {
    const [given, others] = [within('p.', all) as Tensors<P>, within('i.', all) as Tensors<I>]
    const [[sum, weight, metrics], gradients] = valueAndGrad((p: Tensors<P>) => {
      const result = loss(p, others)
      return [result.sum, result.weight, result.metrics] as const
    })(given)
    return {
      sum,
      weight,
      ...prefixed('g.', gradients),
      ...prefixed(
        'sum.',
        mapValues(metrics, (metric) => metric.sum),
      ),
      ...prefixed(
        'weight.',
        mapValues(metrics, (metric) => metric.weight),
      ),
    }
  })
  const weight = results.weight!
  const weights = within('weight.', results)
  return {
    value: quotient(results.sum!, weight),
    gradients: mapValues(within('g.', results), ({ shape, data }) => ({
      shape,
      data: data.map((value) => value / weight.data[0]!),
    })) as Evaluated<P>['gradients'],
    metrics: Object.fromEntries(
      Object.entries(within('sum.', results)).map(([name, sum]) => [name, quotient(sum, weights[name]!)]),
    ),
  }
}

/** The same entries with `prefix` before their names. */
const prefixed = <T>(prefix: string, record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [prefix + name, value]))

/** The entries whose names begin with `prefix`, without it. */
const within = <T>(prefix: string, record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(
    Object.entries(record).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
    ),
  )

const quotient = (sum: Numbers, weight: Numbers): number => sum.data[0]! / weight.data[0]!

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
    return this.each(name, ours, theirs, (a, b, i) => (!mask || mask.data[i] ? distance(a, b) : 0))
  }

  /**
   * Element by element, relative to the largest element: for sums over words or widths, whose small elements are what is
   * left of large terms. There TRL's own float32 is up to 1.6e-5 of an element away from float64.
   */
  products(name: string, ours: Numbers, theirs: Numbers): this {
    const largest = theirs.data.reduce((top, value) => Math.max(top, Math.abs(value)), nearZero)
    return this.each(name, ours, theirs, (a, b) => Math.abs(a - b) / largest)
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

  private each(
    name: string,
    ours: Numbers,
    theirs: Numbers,
    difference: (a: number, b: number, index: number) => number,
  ): this {
    if (ours.data.length !== theirs.data.length)
      throw new Error(`${name}: expected [${theirs.shape}], got [${ours.shape}]`)
    theirs.data.forEach((value, i) => this.note(`${name}[${i}]`, difference(ours.data[i]!, value, i)))
    return this
  }

  private note(where: string, difference: number): this {
    if (!(difference <= this.worst)) {
      this.worst = difference
      this.where = where
    }
    return this
  }
}
