import { type AdmitOptions, admit, type IndexReport } from '../documents/admit'
import type { Document, Documents } from '../documents/document'
import { numberWithin, oneOf } from '../errors'
import { checkedHits, type Hit, type Retriever } from '../retriever'
import { bigrams } from '../tokenize/bigrams'
import type { TextTokenizer } from '../tokenize/tokenizer'
import { type Postings, postingsBuilder } from './postings'
import { bm25Scorer } from './scorer'
import { type Bm25Parameters, type Bm25Variant, variants } from './variants'

/** How `bm25` scores and cuts. */
export interface Bm25Settings extends Bm25Parameters {
  readonly variant: Bm25Variant
  readonly tokenizer: TextTokenizer
}

/** Options of `bm25`. */
export interface Bm25Options extends AdmitOptions, Partial<Bm25Settings> {}

/** What a BM25 index was built from. */
export interface Bm25Report extends IndexReport {
  /** Different terms. */
  readonly terms: number
  readonly postings: number
  /** Mean length of a document in terms. */
  readonly averageLength: number
}

/** A BM25 index. A hit shares at least one term with the query and scores above 0. */
export interface Bm25 extends Retriever {
  readonly report: Bm25Report
  readonly documents: readonly Document[]
  readonly settings: Bm25Settings
  readonly postings: Postings
  /** Score of every document for a tokenised query, [documents] float64, as bm25s and rank_bm25 return it; repeats count. */
  scores(terms: readonly string[]): Float64Array
}

/**
 * A BM25 index over `documents`, in memory.
 *
 * `variant` is `lucene` by default, `k1` 1.5, `b` 0.75, `delta` 0.5 (`bm25+`: 1), `epsilon` 0.25, the tokenizer
 * `bigrams()`. Postings keep counts, not scores, so that an index is small; scores are float64 and agree with the
 * reference libraries to rounding.
 *
 * @throws SplitError when a document of a refused split arrives, RagError (`no-documents`, `duplicate-id`, `document`, `option`)
 * @see Kamphuis et al. 2020, Which BM25 do you mean? (https://doi.org/10.1007/978-3-030-45442-5_4)
 */
export async function bm25(documents: Documents, { guard, signal, ...options }: Bm25Options = {}): Promise<Bm25> {
  const settings = bm25Settings('bm25', options)
  const admitted = await admit('bm25', documents, { guard, signal })
  const builder = postingsBuilder()
  for (const { text } of admitted.documents) {
    signal?.throwIfAborted()
    builder.add(settings.tokenizer.tokenize(text))
  }
  return bm25Over(admitted.documents, builder.finish(), settings, admitted.report)
}

/** Checked settings with every default filled in. */
export function bm25Settings(operation: string, options: Partial<Bm25Settings>): Bm25Settings {
  const { variant = 'lucene', tokenizer = bigrams() } = options
  oneOf(operation, 'variant', variant, Object.keys(variants) as Bm25Variant[])
  const { k1 = 1.5, b = 0.75, delta = 0.5, epsilon = 0.25 } = { ...variants[variant].defaults, ...defined(options) }
  return {
    variant,
    k1: numberWithin(operation, 'k1', k1, 0),
    b: numberWithin(operation, 'b', b, 0, 1),
    delta: numberWithin(operation, 'delta', delta, 0),
    epsilon: numberWithin(operation, 'epsilon', epsilon, 0),
    tokenizer,
  }
}

const defined = <T extends object>(options: T): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T

/** The index that `postings` over `documents` make with `settings`. */
export function bm25Over(
  documents: readonly Document[],
  postings: Postings,
  settings: Bm25Settings,
  admitted: Omit<IndexReport, 'empty'>,
): Bm25 {
  const scorer = bm25Scorer(postings, settings)
  return {
    report: { ...admitted, ...postingsReport(postings) },
    documents,
    settings,
    postings,
    scores: scorer.all,
    async retrieve(query, options) {
      const k = checkedHits('bm25', options)
      const terms = settings.tokenizer.tokenize(query)
      return scorer.best(terms, k).map(({ document, score }): Hit => ({ ...documents[document]!, score }))
    },
  }
}

const postingsReport = ({ lengths, vocabulary, documents }: Postings) => ({
  empty: lengths.reduce((count, length) => count + (length === 0 ? 1 : 0), 0),
  terms: vocabulary.terms.length,
  postings: documents.length,
  averageLength: lengths.reduce((sum, length) => sum + length, 0) / lengths.length,
})
