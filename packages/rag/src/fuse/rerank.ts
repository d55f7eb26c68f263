import { RagError, wholeNumber } from '../errors'
import { checkedHits, type Hit, type RetrieveOptions, type Retriever } from '../retriever'

/** Scores `hits` for `query`, one number a hit, higher is better: a cross-encoder, a model's likelihood, a rule. */
export type Scorer = (
  query: string,
  hits: readonly Hit[],
  options: Pick<RetrieveOptions, 'signal'>,
) => ArrayLike<number> | Promise<ArrayLike<number>>

/** Options of `rerank`. */
export interface RerankOptions {
  readonly score: Scorer
  /** Hits fetched to choose from, at least `k`. */
  readonly fetch?: number
}

/**
 * A retriever that fetches more hits of `retriever` and orders them by `score`; equal scores keep their order.
 *
 * @throws RagError (`model`) while retrieving, when `score` does not return one number a hit
 */
export function rerank(retriever: Retriever, { score, fetch = 50 }: RerankOptions): Retriever {
  wholeNumber('rerank', 'fetch', fetch, 1)
  return {
    async retrieve(query, options = {}) {
      const k = checkedHits('rerank', options)
      const { signal } = options
      const hits = await retriever.retrieve(query, { k: Math.max(k, fetch), signal })
      const scores = Array.from(await score(query, hits, { signal }))
      if (scores.length !== hits.length || scores.some(Number.isNaN))
        throw new RagError(
          'model',
          `rerank: expected one number a hit, got ${scores.length} for ${hits.length} hits${scores.some(Number.isNaN) ? ', with NaN' : ''}. Check the scorer.`,
          { operation: 'rerank' },
        )
      return hits
        .map((hit, i) => ({ ...hit, score: scores[i]! }))
        .sort((a, b) => b.score - a.score)
        .slice(0, k)
    },
  }
}
