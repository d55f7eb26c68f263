import { topK } from '../top-k'
import type { Postings } from './postings'
import { type Bm25Parameters, type Bm25Variant, rarities, variants } from './variants'

/** A document's number and its score for a query. */
export interface Scored {
  readonly document: number
  readonly score: number
}

/** Scores queries, given as terms. Terms that no document holds do not count; repeats do. */
export interface Scorer {
  /** Score of every document, [documents]. */
  all(query: readonly string[]): Float64Array
  /** The `k` best of the documents that some term speaks for, best first, equal ones in order. */
  best(query: readonly string[], k: number): Scored[]
}

/** A scorer over `postings`. Its one buffer, a float64 a document, serves every query; calls are synchronous. */
export function bm25Scorer(postings: Postings, settings: Bm25Parameters & { readonly variant: Bm25Variant }): Scorer {
  const { vocabulary, offsets, documents, frequencies, lengths } = postings
  const { norm, credit, absent } = variants[settings.variant]
  const creditOf = credit(settings)
  const average = lengths.reduce((sum, length) => sum + length, 0) / lengths.length
  const norms = Float64Array.from(lengths, (length) => norm(length, average, settings))
  const counts = Uint32Array.from({ length: vocabulary.terms.length }, (_, t) => offsets[t + 1]! - offsets[t]!)
  const idfs = rarities(settings.variant, counts, lengths.length, settings.epsilon)
  const absence = absent?.(settings) ?? 0
  const scores = new Float64Array(lengths.length)

  /** Fills `scores`; returns the score of a document without any term, which is above 0 for bm25l and bm25+. */
  const accumulate = (query: readonly string[]): number => {
    scores.fill(0)
    let base = 0
    for (const term of query) {
      const t = vocabulary.find(term)
      if (t === undefined) continue
      const idf = idfs[t]!
      const missing = idf * absence
      base += missing
      for (let i = offsets[t]!, end = offsets[t + 1]!; i < end; i++) {
        const d = documents[i]!
        scores[d]! += creditOf(idf, frequencies[i]!, norms[d]!) - missing
      }
    }
    // before anything is compared: scores that differ in the last digit can be equal with the base
    if (base !== 0) for (let d = 0; d < scores.length; d++) scores[d]! += base
    return base
  }

  return {
    all(query) {
      accumulate(query)
      return scores.slice()
    },
    best(query, k) {
      const base = accumulate(query)
      return topK(scores, k, base).map((document) => ({ document, score: scores[document]! }))
    },
  }
}
