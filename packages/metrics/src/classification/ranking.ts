import { checkPaired, MetricsError } from '../errors'

/**
 * Area under the ROC curve: the probability that a right row scores higher than a wrong one, ties counting one half.
 *
 * @throws MetricsError `length-mismatch`, `empty`, `value` unless both outcomes occur
 */
export function rocAuc(scores: ArrayLike<number>, correct: ArrayLike<number | boolean>): number {
  const groups = byScore('rocAuc', scores, correct)
  const positives = groups.reduce((sum, group) => sum + group.right, 0)
  const negatives = scores.length - positives
  if (positives === 0 || negatives === 0)
    throw new MetricsError(
      'value',
      'rocAuc: expected right and wrong rows, got only one of them. The curve is not defined.',
      {
        operation: 'rocAuc',
      },
    )
  let above = 0 // right rows with a higher score
  let area = 0
  for (const { right, wrong } of groups) {
    area += wrong * (above + right / 2)
    above += right
  }
  return area / (positives * negatives)
}

/** Average precision: the mean over right rows of the precision at their score, from the highest score down; no interpolation. */
export function averagePrecision(scores: ArrayLike<number>, correct: ArrayLike<number | boolean>): number {
  const groups = byScore('averagePrecision', scores, correct)
  let [seen, hits, sum] = [0, 0, 0]
  for (const { right, wrong } of groups) {
    seen += right + wrong
    hits += right
    sum += right * (hits / seen)
  }
  return hits === 0 ? 0 : sum / hits
}

/** Right and wrong rows of each score, highest score first. */
function byScore(
  operation: string,
  scores: ArrayLike<number>,
  correct: ArrayLike<number | boolean>,
): { right: number; wrong: number }[] {
  checkPaired(operation, ['scores', 'outcomes'], [scores.length, correct.length])
  const order = Array.from({ length: scores.length }, (_, row) => row).sort((a, b) => scores[b]! - scores[a]!)
  const groups: { right: number; wrong: number }[] = []
  order.forEach((row, i) => {
    if (i === 0 || scores[row] !== scores[order[i - 1]!]) groups.push({ right: 0, wrong: 0 })
    const group = groups.at(-1)!
    if (correct[row]) group.right++
    else group.wrong++
  })
  return groups
}

/**
 * Unbiased estimate of the chance that at least one of `k` answers is right, from `n` answers of which `c` were.
 *
 * @throws MetricsError `option` unless 0 <= c <= n and 1 <= k <= n
 * @see Chen et al. 2021 (https://arxiv.org/abs/2107.03374)
 */
export function passAtK(n: number, c: number, k: number): number {
  if (!(c >= 0 && c <= n && k >= 1 && k <= n))
    throw new MetricsError(
      'option',
      `passAtK: expected 0 <= c <= n and 1 <= k <= n, got n ${n}, c ${c}, k ${k}. Generate more answers.`,
      {
        operation: 'passAtK',
      },
    )
  if (n - c < k) return 1
  let miss = 1
  for (let i = n - c + 1; i <= n; i++) miss *= 1 - k / i
  return 1 - miss
}
