import { checkPaired, MetricsError } from '../errors'
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
  /**
   * Group of each row: rows of one group, such as questions about one fact, are drawn together. Rows that depend on each other
   * and are drawn singly give an interval that is too narrow. Each row is a group of its own by default.
   */
  readonly groups?: readonly (string | number)[] | undefined
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
 * computed on each draw. Draws follow numpy's `default_rng(seed).integers(0, rows, size=(samples, rows))`, with groups in the
 * place of rows where `groups` are given.
 *
 * @param rows       how many rows there are
 * @param statistic  value for the rows at these indices; called `samples + 1` times (`bca`: `rows` or groups times more)
 * @throws MetricsError `empty` without rows, `option` for samples or confidence out of range, `length-mismatch` for groups
 * @see Efron and Tibshirani 1993, "An Introduction to the Bootstrap"
 */
export function bootstrap(
  rows: number,
  statistic: (indices: Int32Array) => number,
  options: BootstrapOptions = {},
): Interval {
  const { samples = 1000, seed = 0, confidence = 0.95, method = 'percentile' } = options
  checkOptions(rows, samples, confidence)
  const units = options.groups === undefined ? rows : groupedRows(rows, options.groups)
  const value = statistic(Int32Array.from({ length: rows }, (_, i) => i))
  const random = numpyRandom(seed)
  const drawn = new Int32Array(countOf(units))
  const values = new Float64Array(samples)
  for (let k = 0; k < samples; k++) values[k] = statistic(rowsOf(units, random.integers(drawn.length, drawn)))
  const standardError = sampleDeviation(values)
  values.sort()
  const tail = (1 - confidence) / 2
  const [lowest, highest] = method === 'bca' ? correctedTails(units, statistic, value, values, tail) : [tail, 1 - tail]
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
  units: Units,
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
  const acceleration = jackknifeAcceleration(units, statistic)
  const shift = (p: number): number => {
    const z = bias + normalQuantile(p)
    return normalCdf(bias + z / (1 - acceleration * z))
  }
  return [shift(tail), shift(1 - tail)]
}

function jackknifeAcceleration(units: Units, statistic: (indices: Int32Array) => number): number {
  const count = countOf(units)
  const values = Array.from({ length: count }, (_, left) =>
    statistic(
      rowsOf(
        units,
        Int32Array.from({ length: count - 1 }, (_, i) => (i < left ? i : i + 1)),
      ),
    ),
  )
  const mean = values.reduce((sum, x) => sum + x, 0) / count
  let [cubes, squares] = [0, 0]
  for (const x of values) {
    cubes += (mean - x) ** 3 / count ** 3
    squares += (mean - x) ** 2 / count ** 2
  }
  return squares === 0 ? 0 : cubes / squares ** 1.5 / 6
}

/** What is drawn: single rows (their number), or the rows of each group. */
type Units = number | readonly Int32Array[]

const countOf = (units: Units): number => (typeof units === 'number' ? units : units.length)

function groupedRows(rows: number, groups: readonly (string | number)[]): Int32Array[] {
  checkPaired('bootstrap', ['rows', 'groups'], [rows, groups.length])
  const members = new Map<string | number, number[]>()
  groups.forEach((group, row) => {
    if (!members.has(group)) members.set(group, [])
    members.get(group)!.push(row)
  })
  return [...members.values()].map((list) => Int32Array.from(list))
}

/** Rows of the units drawn. */
function rowsOf(units: Units, drawn: Int32Array): Int32Array {
  if (typeof units === 'number') return drawn
  const rows = new Int32Array(drawn.reduce((sum, unit) => sum + units[unit]!.length, 0))
  let end = 0
  for (const unit of drawn) {
    rows.set(units[unit]!, end)
    end += units[unit]!.length
  }
  return rows
}
