import { checkPaired, MetricsError } from '../errors'
import { type BootstrapOptions, bootstrapMean, type Interval } from '../statistics/bootstrap'

/** Share of pairs whose chosen answer the model prefers, with its interval. */
export interface PreferenceAccuracy extends Interval {
  readonly n: number
  /** Pairs with equal scores; each counts one half. */
  readonly ties: number
}

/**
 * Share of preference pairs whose chosen answer scores higher than the rejected one; a tie counts one half. Scores are
 * usually mean log-probabilities per token, since sums favour short answers.
 *
 * @throws MetricsError `length-mismatch`, `empty`, `value` for a score that is not a number
 */
export function preferenceAccuracy(
  chosen: ArrayLike<number>,
  rejected: ArrayLike<number>,
  options: BootstrapOptions = {},
): PreferenceAccuracy {
  checkPaired('preferenceAccuracy', ['chosen scores', 'rejected scores'], [chosen.length, rejected.length])
  const wins = Float64Array.from({ length: chosen.length }, (_, i) => {
    const difference = chosen[i]! - rejected[i]!
    // Equal infinities differ by NaN; only a NaN score itself is an error.
    if (Number.isNaN(chosen[i]!) || Number.isNaN(rejected[i]!)) throw notANumber(i)
    return difference > 0 ? 1 : difference < 0 ? 0 : 0.5
  })
  return { ...bootstrapMean(wins, options), n: chosen.length, ties: wins.filter((win) => win === 0.5).length }
}

const notANumber = (index: number): MetricsError =>
  new MetricsError(
    'value',
    `preferenceAccuracy: expected a score for both answers, got NaN at pair ${index}. The model's output is broken; look for overflow.`,
    { operation: 'preferenceAccuracy', index },
  )
