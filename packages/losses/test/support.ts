import {
  type Arguments,
  cast,
  compile,
  constant,
  evaluateProgram,
  exp,
  greater,
  mul,
  type NdArray,
  neg,
  type Results,
  type Runtime,
  referenceRuntime,
  slice,
  type Tensor,
  trace,
} from '@qilin-med/tensor'
import {
  type Completion,
  type LossResult,
  MissingReferenceError,
  type PreferencePairs,
  type TokenScores,
} from '../src/index'

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

/** Completions of which only sums are known. */
export const completion = (logProb: Tensor, length: readonly number[]): Completion => ({
  logProb,
  length: constant(floats(length)),
})

/** Sums of log-probabilities of P pairs, the chosen ones first, and their lengths. */
export interface PairSums {
  readonly policy: readonly number[]
  readonly reference?: readonly number[]
  readonly lengths: readonly number[]
}

/** Pairs from sums; `policy` may be traced. */
export const pairsOf = (
  { policy, reference, lengths }: PairSums,
  traced: Tensor = constant(floats(policy)),
): PreferencePairs => {
  const pairs = lengths.length / 2
  const sides = (x: Tensor) => ({
    chosen: completion(slice(x, 0, 0, pairs), lengths.slice(0, pairs)),
    rejected: completion(slice(x, 0, pairs), lengths.slice(pairs)),
  })
  const known = reference && sides(constant(floats(reference)))
  return {
    policy: sides(traced),
    get reference() {
      if (!known) throw new MissingReferenceError()
      return known
    },
  }
}

/** `sum / weight` of a loss in float64. */
export const lossOf = async (loss: () => LossResult): Promise<number> => {
  const { sum, weight } = await run(() => {
    const result = loss()
    return { sum: result.sum, weight: result.weight }
  }, [])
  return number(sum) / number(weight)
}

/** Metrics of a loss as numbers. */
export const metricsOf = async (loss: () => LossResult): Promise<Record<string, number>> => {
  const metrics = await run(() => loss().metrics as Record<string, { sum: Tensor; weight: Tensor }>, [])
  return Object.fromEntries(
    Object.entries(metrics).map(([name, metric]) => [name, number(metric.sum) / number(metric.weight)]),
  )
}

/** Scores whose every statistic is given, or an expression of the log-probabilities. */
export const scoresOf = (
  logProbs: Tensor,
  sequences: readonly number[],
  offsets: readonly number[],
  sequenceCount: number,
): TokenScores => ({
  logProbs,
  sequences: constant(ints(sequences)),
  offsets: constant(ints(offsets)),
  sequenceCount,
  entropy: () => neg(mul(exp(logProbs), logProbs)),
  correct: () => cast(greater(logProbs, -1), 'float32'),
  sumSquaredProbs: () => exp(mul(logProbs, 2)),
  meanLogit: () => mul(logProbs, 0.5),
  logSumExp: () => mul(logProbs, -0.5),
})
