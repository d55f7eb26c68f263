import { MetricsError } from '../errors'
import { normalCdf, normalQuantile } from './normal'
import { sortedPercentile } from './percentile'
import { numpyRandom } from './random'

/** How resamples are drawn and turned into an interval. */
export interface BootstrapOptions {
  /** Resamples drawn; 1000 by default. */
  readonly samples?: number
  /** Seed of the draws; 0 by default. Same seed, same interval. */
  readonly seed?: number
  /** Coverage; 0.95 by default. */
  readonly confidence?: number
  /** `percentile` by default; `basic` mirrors it at the estimate; `bca` corrects bias and skewness. */
  readonly method?: 'percentile' | 'basic' | 'bca'
}

/** An estimate with its bootstrap interval. */
export interface Interval {
  readonly value: number
  readonly low: number
  readonly high: number
  /** Standard deviation of the resampled values. */
  readonly standardError: number
}

/**
 * A statistic of rows and its bootstrap interval: the rows are drawn with replacement, again and again, and the statistic
 * computed on each draw. Draws follow numpy's `default_rng(seed).integers(0, rows, size=(samples, rows))`.
 *
 * @param rows       how many rows there are
 * @param statistic  value for the rows at these indices; called `samples + 1` times (`bca`: `rows` times more)
 * @throws MetricsError `empty` without rows, `option` for samples or confidence out of range
 * @see Efron and Tibshirani 1993, "An Introduction to the Bootstrap"
 */
export function bootstrap(
  rows: number,
  statistic: (indices: Int32Array) => number,
  options: BootstrapOptions = {},
): Interval {
  const { samples = 1000, seed = 0, confidence = 0.95, method = 'percentile' } = options
  checkOptions(rows, samples, confidence)
  const value = statistic(Int32Array.from({ length: rows }, (_, i) => i))
  const random = numpyRandom(seed)
  const indices = new Int32Array(rows)
  const values = new Float64Array(samples)
  for (let k = 0; k < samples; k++) values[k] = statistic(random.integers(rows, indices))
  const standardError = sampleDeviation(values)
  values.sort()
  const tail = (1 - confidence) / 2
  const [lowest, highest] = method === 'bca' ? correctedTails(rows, statistic, value, values, tail) : [tail, 1 - tail]
  const low = sortedPercentile(values, 100 * lowest)
  const high = sortedPercentile(values, 100 * highest)
  if (method === 'basic') return { value, low: 2 * value - high, high: 2 * value - low, standardError }
  return { value, low, high, standardError }
}

/** The mean of `values` with its bootstrap interval, such as an accuracy from zeros and ones. */
export function bootstrapMean(values: ArrayLike<number>, options: BootstrapOptions = {}): Interval {
  return bootstrap(
    values.length,
    (indices) => {
      let sum = 0
      for (let k = 0; k < indices.length; k++) sum += values[indices[k]!]!
      return sum / indices.length
    },
    options,
  )
}

function checkOptions(rows: number, samples: number, confidence: number): void {
  const operation = 'bootstrap'
  if (!(rows > 0))
    throw new MetricsError('empty', 'bootstrap: expected at least one row, got none. Score something first.', {
      operation,
    })
  if (!Number.isInteger(samples) || samples < 2)
    throw new MetricsError('option', `bootstrap: expected at least 2 samples, got ${samples}. 1000 is usual.`, {
      operation,
    })
  if (!(confidence > 0 && confidence < 1))
    throw new MetricsError('option', `bootstrap: expected a confidence between 0 and 1, got ${confidence}. Use 0.95.`, {
      operation,
    })
}

function sampleDeviation(values: Float64Array): number {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length
  return Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - 1))
}

/** Tail shares of the BCa interval: shifted by the median bias and by the acceleration of the jackknife. */
function correctedTails(
  rows: number,
  statistic: (indices: Int32Array) => number,
  value: number,
  sorted: Float64Array,
  tail: number,
): [number, number] {
  let [below, upTo] = [0, 0]
  for (const x of sorted) {
    if (x < value) below++
    if (x <= value) upTo++
  }
  const bias = normalQuantile((below + upTo) / (2 * sorted.length))
  const acceleration = jackknifeAcceleration(rows, statistic)
  const shift = (p: number): number => {
    const z = bias + normalQuantile(p)
    return normalCdf(bias + z / (1 - acceleration * z))
  }
  return [shift(tail), shift(1 - tail)]
}

function jackknifeAcceleration(rows: number, statistic: (indices: Int32Array) => number): number {
  const values = Array.from({ length: rows }, (_, left) =>
    statistic(Int32Array.from({ length: rows - 1 }, (_, i) => (i < left ? i : i + 1))),
  )
  const mean = values.reduce((sum, x) => sum + x, 0) / rows
  let [cubes, squares] = [0, 0]
  for (const x of values) {
    cubes += (mean - x) ** 3 / rows ** 3
    squares += (mean - x) ** 2 / rows ** 2
  }
  return squares === 0 ? 0 : cubes / squares ** 1.5 / 6
}
