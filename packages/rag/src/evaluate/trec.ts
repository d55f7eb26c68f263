import { RagError } from '../errors'
import { measureOf, type Ranking } from './measures'

/** Relevance of documents by query and document id; 0 is judged irrelevant, 1 and more relevant. */
export type Judgements = Readonly<Record<string, Readonly<Record<string, number>>>>

/** Scores of retrieved documents by query and document id. */
export type Run = Readonly<Record<string, Readonly<Record<string, number>>>>

/** Measures of every query, and their means. */
export interface Evaluation {
  readonly perQuery: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly mean: Readonly<Record<string, number>>
  /** Queries that count in the means. */
  readonly queries: number
}

/** Options of `trecEval`. */
export interface TrecOptions {
  /**
   * Names as trec_eval writes them: `map`, `recip_rank`, `ndcg`, `Rprec`, `bpref`, `num_rel_ret`, and `P_k`, `recall_k`,
   * `ndcg_cut_k`, `map_cut_k`, `success_k` for any k.
   */
  readonly measures?: readonly string[]
  /** Count judged queries that the run lacks as 0 (trec_eval's -c); by default they are left out, as trec_eval does. */
  readonly complete?: boolean
}

/** Measures reported when none are named. */
export const defaultMeasures = ['recall_1', 'recall_5', 'recall_10', 'recip_rank', 'ndcg_cut_10', 'map'] as const

/**
 * Retrieval measures equal to trec_eval's: documents sorted by score in single precision, equal ones by id descending,
 * unjudged ones irrelevant, gain linear in the relevance, discount log2(rank + 1). Queries without judgements do not
 * count; a query without a relevant document has 0 throughout.
 *
 * @throws RagError (`option`) for an unknown measure, (`no-documents`) when run and judgements share no query
 */
export function trecEval(
  judgements: Judgements,
  run: Run,
  { measures = defaultMeasures, complete = false }: TrecOptions = {},
): Evaluation {
  const computed = measures.map((name) => [name, measureOf(name)] as const)
  const queries = Object.keys(judgements).filter((query) => complete || Object.hasOwn(run, query))
  if (queries.length === 0)
    throw new RagError(
      'no-documents',
      `trecEval: expected a query that is both judged and run, got ${Object.keys(judgements).length} judged and ${Object.keys(run).length} run ones that share none. Check the query ids.`,
      { operation: 'trecEval' },
    )
  const rows = queries.map((query) => {
    const ranking = ranked(judgements[query]!, run[query] ?? {})
    return [query, Object.fromEntries(computed.map(([name, measure]) => [name, measure(ranking)]))] as const
  })
  const mean = measures.map((name) => [name, rows.reduce((sum, [, row]) => sum + row[name]!, 0) / rows.length])
  return { perQuery: Object.fromEntries(rows), mean: Object.fromEntries(mean), queries: rows.length }
}

function ranked(judged: Readonly<Record<string, number>>, scores: Readonly<Record<string, number>>): Ranking {
  const order = Object.entries(scores)
    .map(([id, score]) => ({ id, score: Math.fround(score) }))
    .sort((a, b) => b.score - a.score || byCodePoint(b.id, a.id))
  return {
    retrieved: order.map(({ id }) => (Object.hasOwn(judged, id) ? judged[id] : undefined)),
    judged: Object.values(judged),
  }
}

/** Order of UTF-8 bytes, which is that of code points; `<` on strings compares UTF-16 units and differs beyond U+FFFF. */
function byCodePoint(a: string, b: string): number {
  if (a === b) return 0
  let i = 0
  while (i < a.length && i < b.length && a[i] === b[i]) i++
  // Within a surrogate pair whose first halves agree, the units compare as the code points do.
  return (a.codePointAt(i) ?? -1) - (b.codePointAt(i) ?? -1)
}
