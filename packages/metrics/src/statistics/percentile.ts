import { MetricsError } from '../errors'

/**
 * The `q`-th percentile of `values`, linear between neighbours, as `numpy.percentile` gives it.
 *
 * @param q  between 0 and 100
 * @throws MetricsError `empty` without values, `option` for a q outside the range
 */
export function percentile(values: ArrayLike<number>, q: number): number {
  return sortedPercentile(Float64Array.from(values).sort(), q)
}

/** The same of values already in ascending order. */
export function sortedPercentile(sorted: Float64Array, q: number): number {
  if (sorted.length === 0)
    throw new MetricsError('empty', 'percentile: expected at least one value, got none. Collect values first.', {
      operation: 'percentile',
    })
  if (!(q >= 0 && q <= 100))
    throw new MetricsError('option', `percentile: expected q between 0 and 100, got ${q}. Give a percentage.`, {
      operation: 'percentile',
    })
  const at = (q / 100) * (sorted.length - 1)
  const below = Math.floor(at)
  const share = at - below
  const low = sorted[below]!
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!
  // numpy goes from the nearer end, so that both ends are met exactly.
  return share >= 0.5 ? high - (high - low) * (1 - share) : low + (high - low) * share
}
