import { MetricsError } from '../errors'
import { betaQuantile } from './beta'
import { normalQuantile } from './normal'

/** How an interval of a proportion is made. */
export type ProportionMethod = 'wilson' | 'normal' | 'clopper-pearson' | 'agresti-coull' | 'jeffreys'

/**
 * Confidence interval of a proportion from `count` hits in `n` trials, without resampling. Bounds lie within 0..1.
 *
 * @throws MetricsError `option` unless 0 <= count <= n and n >= 1
 * @see Brown, Cai and DasGupta 2001, "Interval Estimation for a Binomial Proportion"
 */
export function proportionInterval(
  count: number,
  n: number,
  { method = 'wilson', confidence = 0.95 }: { readonly method?: ProportionMethod; readonly confidence?: number } = {},
): { readonly low: number; readonly high: number } {
  if (!(n >= 1 && count >= 0 && count <= n))
    throw new MetricsError(
      'option',
      `proportionInterval: expected 0 <= count <= n and n >= 1, got ${count} of ${n}. Count again.`,
      {
        operation: 'proportionInterval',
      },
    )
  const [low, high] = bounds(count, n, method, (1 - confidence) / 2)
  return { low: Math.max(0, low), high: Math.min(1, high) }
}

function bounds(count: number, n: number, method: ProportionMethod, tail: number): [number, number] {
  const share = count / n
  const z = normalQuantile(1 - tail)
  switch (method) {
    case 'normal':
      return around(share, z * Math.sqrt((share * (1 - share)) / n))
    case 'wilson': {
      const scale = 1 + z ** 2 / n
      return around(
        (share + z ** 2 / (2 * n)) / scale,
        (z * Math.sqrt((share * (1 - share) + z ** 2 / (4 * n)) / n)) / scale,
      )
    }
    case 'agresti-coull': {
      const trials = n + z ** 2
      const center = (count + z ** 2 / 2) / trials
      return around(center, z * Math.sqrt((center * (1 - center)) / trials))
    }
    case 'clopper-pearson':
      return [
        count === 0 ? 0 : betaQuantile(tail, count, n - count + 1),
        count === n ? 1 : betaQuantile(1 - tail, count + 1, n - count),
      ]
    case 'jeffreys':
      return [betaQuantile(tail, count + 0.5, n - count + 0.5), betaQuantile(1 - tail, count + 0.5, n - count + 0.5)]
  }
}

const around = (center: number, half: number): [number, number] => [center - half, center + half]
