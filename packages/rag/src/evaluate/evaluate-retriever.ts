import { wholeNumber } from '../errors'
import type { Hit, Retriever } from '../retriever'
import { type Evaluation, type Judgements, type TrecOptions, trecEval } from './trec'

/** A query with the id under which its relevant documents are named. */
export interface JudgedQuery {
  readonly id: string
  readonly text: string
}

/** Options of `evaluateRetriever`. */
export interface EvaluateOptions extends Pick<TrecOptions, 'measures'> {
  readonly queries: readonly JudgedQuery[]
  /** Relevant documents of every query. */
  readonly judgements: Judgements
  /** Hits asked for; cut measures need no more than their cut. */
  readonly k?: number
  /** Id by which a hit is judged: its own, or that of the document it was cut from; of several hits with one id the first counts. */
  readonly judgedBy?: 'hit' | 'document'
  readonly signal?: AbortSignal | undefined
}

/**
 * Measures of a retriever over judged queries; the order of its hits counts, whatever their scores. Every judged query
 * counts, with 0 where nothing was found.
 *
 * @throws RagError as `trecEval`; whatever the retriever throws
 */
export async function evaluateRetriever(
  retriever: Retriever,
  { queries, judgements, k = 10, judgedBy = 'hit', measures, signal }: EvaluateOptions,
): Promise<Evaluation> {
  wholeNumber('evaluateRetriever', 'k', k, 1)
  const idOf = (hit: Hit): string => (judgedBy === 'document' ? (hit.part?.document ?? hit.id) : hit.id)
  const run: [string, Record<string, number>][] = []
  for (const { id, text } of queries) {
    const hits = await retriever.retrieve(text, { k, signal })
    const ids = [...new Set(hits.map(idOf))]
    run.push([id, Object.fromEntries(ids.map((document, i) => [document, ids.length - i]))])
  }
  const asked = Object.fromEntries(queries.map(({ id }) => [id, judgements[id] ?? {}]))
  return trecEval(asked, Object.fromEntries(run), { measures, complete: true })
}
