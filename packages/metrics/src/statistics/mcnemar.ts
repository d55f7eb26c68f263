import { MetricsError } from '../errors'
import { logGamma } from './beta'
import { erfc } from './normal'

/** Statistic and two-sided p-value of a test. */
export interface TestResult {
  readonly statistic: number
  readonly pValue: number
}

/**
 * McNemar's test whether two systems that answered the same questions are right equally often.
 *
 * @param onlyFirst, onlySecond  questions that only the first, only the second system got right
 * @param options.method  `exact` (binomial, default), `chi2`, or `chi2-corrected` for continuity. Without any difference the exact
 *   p-value is 1 and the plain statistic 0/0, as in statsmodels
 * @throws MetricsError `option` for counts below 0
 */
export function mcnemar(
  onlyFirst: number,
  onlySecond: number,
  { method = 'exact' }: { readonly method?: 'exact' | 'chi2' | 'chi2-corrected' } = {},
): TestResult {
  if (!(onlyFirst >= 0 && onlySecond >= 0))
    throw new MetricsError(
      'option',
      `mcnemar: expected counts of at least 0, got ${onlyFirst} and ${onlySecond}. Count again.`,
      {
        operation: 'mcnemar',
      },
    )
  const n = onlyFirst + onlySecond
  if (method === 'exact') {
    const statistic = Math.min(onlyFirst, onlySecond)
    return { statistic, pValue: Math.min(1, 2 * binomialHalfCdf(statistic, n)) }
  }
  const correction = method === 'chi2-corrected' ? 1 : 0
  const statistic = (Math.abs(onlyFirst - onlySecond) - correction) ** 2 / n
  return { statistic, pValue: erfc(Math.sqrt(statistic / 2)) }
}

/** McNemar's test from the two systems' right and wrong answers to the same questions. */
export function mcnemarOf(
  first: ArrayLike<boolean | number>,
  second: ArrayLike<boolean | number>,
  options: { readonly method?: 'exact' | 'chi2' | 'chi2-corrected' } = {},
): TestResult & { readonly onlyFirst: number; readonly onlySecond: number } {
  if (first.length !== second.length)
    throw new MetricsError(
      'length-mismatch',
      `mcnemarOf: expected both systems' answers to the same questions, got ${first.length} and ${second.length}. Pair them first.`,
      { operation: 'mcnemarOf' },
    )
  let [onlyFirst, onlySecond] = [0, 0]
  for (let i = 0; i < first.length; i++) {
    if (first[i] && !second[i]) onlyFirst++
    if (second[i] && !first[i]) onlySecond++
  }
  return { ...mcnemar(onlyFirst, onlySecond, options), onlyFirst, onlySecond }
}

/** Probability of at most `k` heads in `n` throws of a fair coin. */
function binomialHalfCdf(k: number, n: number): number {
  let sum = 0
  for (let i = 0; i <= k; i++) sum += Math.exp(logGamma(n + 1) - logGamma(i + 1) - logGamma(n - i + 1) - n * Math.LN2)
  return sum
}
