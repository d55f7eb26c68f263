import type { Embedder } from '../dense/embedder'
import { numberWithin, RagError, wholeNumber } from '../errors'
import { checkedHits, type Retriever } from '../retriever'

/** Options of `maximalMarginalRelevance`. */
export interface MmrOptions {
  /** Hits to select. */
  readonly k?: number
  /** 1: only likeness to the query counts, 0: only unlikeness to what is already selected. */
  readonly lambda?: number
}

/**
 * Places of the selected `embeddings`, in order of selection: first the one most like the query, then each time the one
 * with the largest lambda · cosine to the query − (1 − lambda) · largest cosine to a selected one. The cosine with a zero
 * vector is 0; of equal values the first wins. Any `k` above the number of embeddings selects all.
 *
 * @see Carbonell and Goldstein 1998 (https://doi.org/10.1145/290941.291025)
 */
export function maximalMarginalRelevance(
  query: ArrayLike<number>,
  embeddings: readonly ArrayLike<number>[],
  { k = 4, lambda = 0.5 }: MmrOptions = {},
): number[] {
  wholeNumber('maximalMarginalRelevance', 'k', k, 0)
  numberWithin('maximalMarginalRelevance', 'lambda', lambda, 0, 1)
  const relevance = embeddings.map((embedding) => cosine(query, embedding))
  const nearest = embeddings.map(() => -Infinity)
  const selected: number[] = []
  while (selected.length < Math.min(k, embeddings.length)) {
    const value = (i: number): number =>
      selected.length === 0 ? relevance[i]! : lambda * relevance[i]! - (1 - lambda) * nearest[i]!
    const next = best(embeddings.length, value, new Set(selected))
    selected.push(next)
    embeddings.forEach((embedding, i) => {
      nearest[i] = Math.max(nearest[i]!, cosine(embedding, embeddings[next]!))
    })
  }
  return selected
}

/** Options of `mmr`. */
export interface MmrRetrieverOptions {
  readonly embedder: Embedder
  readonly lambda?: number
  /** Hits fetched to select from, at least `k`. */
  readonly fetch?: number
}

/**
 * A retriever whose hits are relevant and unlike each other: it fetches more of `retriever`, embeds their texts and
 * selects by maximal marginal relevance. Hits keep the score of `retriever` and come in order of selection.
 */
export function mmr(retriever: Retriever, { embedder, lambda = 0.5, fetch = 20 }: MmrRetrieverOptions): Retriever {
  numberWithin('mmr', 'lambda', lambda, 0, 1)
  wholeNumber('mmr', 'fetch', fetch, 1)
  return {
    async retrieve(query, options = {}) {
      const k = checkedHits('mmr', options)
      const { signal } = options
      const hits = await retriever.retrieve(query, { k: Math.max(k, fetch), signal })
      const [vector] = await embedder.embed([query], { kind: 'query', signal })
      const vectors = await embedder.embed(
        hits.map(({ text }) => text),
        { kind: 'document', signal },
      )
      if (vector === undefined || vectors.length !== hits.length)
        throw new RagError(
          'embedding',
          `mmr: expected one vector a text, got ${vectors.length} for ${hits.length} texts. Check the embedder.`,
          { operation: 'mmr' },
        )
      return maximalMarginalRelevance(vector, vectors, { k, lambda }).map((i) => hits[i]!)
    },
  }
}

function best(count: number, value: (i: number) => number, taken: ReadonlySet<number>): number {
  let winner = -1
  for (let i = 0; i < count; i++) if (!taken.has(i) && (winner < 0 || value(i) > value(winner))) winner = i
  return winner
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const similarity = dot(a, b) / (Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b)))
  return Number.isFinite(similarity) ? similarity : 0
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
