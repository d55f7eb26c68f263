import type { References } from './references'

/** Additive statistics of every prediction, one row of `width` numbers each. */
export interface Statistics {
  readonly rows: number
  readonly width: number
  /** Row after row, `rows * width` numbers. */
  readonly values: Float64Array
  /** References of each prediction, for the signature. */
  readonly references: number | 'var'
}

/** Rounding of each arithmetic step: identity, or `Math.fround` where a reference computes in float32. */
export type Rounding = (value: number) => number

/** Computes in float64, as everything does unless it says otherwise. */
export const float64: Rounding = (value) => value

/**
 * A corpus metric as additive statistics and a score of their sum. Resampling tests draw rows and score the sums, so they
 * work for every metric of this form.
 */
export interface CorpusMetric<Score extends { readonly score: number }> {
  /** Name with parameters, such as `BLEU` or `chrF2++`. */
  readonly name: string
  /** Whether sums in float32 make float32 scores, as in numpy; BLEU ends in an exponential, which is float64. */
  readonly float32Scores: boolean
  statistics(predictions: readonly string[], references: References): Statistics
  /** Score of summed statistics. */
  compute(sum: ArrayLike<number>, references: number | 'var', rounding?: Rounding): Score
  signature(references: number | 'var', bootstrap?: { samples: number; seed: number }): string
}

/** Sum of the rows of `statistics`; of those at `indices` where given. */
export function sumRows(statistics: Statistics, indices?: ArrayLike<number>): Float64Array {
  const { width, values } = statistics
  const sum = new Float64Array(width)
  const count = indices?.length ?? statistics.rows
  for (let k = 0; k < count; k++) {
    const row = (indices === undefined ? k : indices[k]!) * width
    for (let i = 0; i < width; i++) sum[i]! += values[row + i]!
  }
  return sum
}
