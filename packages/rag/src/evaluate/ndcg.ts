import { RagError } from '../errors'

/** Options of `ndcg`. */
export interface NdcgOptions {
  /** Ranks that count; all by default. */
  readonly k?: number
  /** Documents of equal score: `average` over all their orders, as scikit-learn does, or the order in which they are `given`. */
  readonly ties?: 'average' | 'given'
}

/**
 * Normalised discounted cumulative gain of one query, 0 to 1, equal to scikit-learn's `ndcg_score`: gain linear, discount
 * log2(rank + 1); 0 when nothing is relevant.
 *
 * @param relevance  of each document, 0 or more
 * @param scores     of the same documents
 * @throws RagError (`option`) when the lengths differ or a relevance is negative or no number
 */
export function ndcg(
  relevance: readonly number[],
  scores: readonly number[],
  { k = Infinity, ties = 'average' }: NdcgOptions = {},
): number {
  if (relevance.length !== scores.length || !relevance.every((one) => one >= 0))
    throw new RagError(
      'option',
      `ndcg: expected as many relevances of at least 0 as scores, got ${relevance.length} and ${scores.length}. Pair every document.`,
      { operation: 'ndcg' },
    )
  const best = gainOf(
    [...relevance].sort((a, b) => b - a),
    k,
  )
  if (best === 0) return 0
  const order = scores.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b)
  const gains = order.map((i) => relevance[i]!)
  const counted =
    ties === 'given'
      ? gains
      : levelled(
          gains,
          order.map((i) => scores[i]!),
        )
  return gainOf(counted, k) / best
}

const gainOf = (gains: readonly number[], k: number): number =>
  gains.reduce((sum, one, i) => (i < k ? sum + one / Math.log2(i + 2) : sum), 0)

/** Each gain replaced by the mean over the documents of its score, which is what averaging over all orders comes to. */
function levelled(gains: readonly number[], scores: readonly number[]): number[] {
  const total = new Map<number, { sum: number; count: number }>()
  scores.forEach((score, i) => {
    const { sum, count } = total.get(score) ?? { sum: 0, count: 0 }
    total.set(score, { sum: sum + gains[i]!, count: count + 1 })
  })
  return scores.map((score) => total.get(score)!.sum / total.get(score)!.count)
}
