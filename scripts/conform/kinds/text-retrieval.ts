import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Bm25Variant, bm25, maximalMarginalRelevance, ndcg, reciprocalRankFusion, trecEval } from '@qilin-med/rag'
import type { Case, Kind, Outcome } from '../kind'

/** Retrieval: BM25 scores and order, rank fusion, MMR, trec_eval and scikit-learn measures. */
export const kind: Kind = {
  prefix: 'text/retrieval',
  discover: ({ golden }) => [
    ...bm25Cases(golden),
    ...fusionCases(golden),
    ...mmrCases(golden),
    ...measureCases(golden),
  ],
}

/** Float64 sums in the reference's order; logarithms of two libraries differ in the last bit. */
const exact = 1e-12
/** `all_scores_first_3_queries` is printed with ten digits. */
const printed = 1e-9

type Scored = [document: number, score: number][]

interface Bm25Result {
  readonly library: string
  readonly method: string
  readonly params: Readonly<Record<string, number>>
  readonly top10: readonly Scored[]
  readonly all_scores_first_3_queries?: readonly (readonly number[])[]
}

function bm25Cases(golden: string): Case[] {
  const results = read<{ results: Bm25Result[] }>(golden, 'bm25')?.results ?? []
  const corpus = read<{ documents: string[][]; queries: string[][] }>(golden, 'corpus')
  return results.map((result) => ({
    path: 'text/retrieval/bm25',
    name: `${result.library} ${result.method} ${optionsOf(result.params)}`,
    run: async () => {
      if (corpus === undefined) throw new Error('text/retrieval/corpus.json is missing beside bm25.json')
      return bm25Outcome(result, corpus.documents, corpus.queries)
    },
  }))
}

async function bm25Outcome(result: Bm25Result, documents: string[][], queries: string[][]): Promise<Outcome> {
  const tokenizer = { name: 'golden', tokenize: (text: string): string[] => JSON.parse(text) }
  const variant = variantOf(result)
  const texts = documents.map((terms) => JSON.stringify(terms))
  const index = await bm25(texts, { tokenizer, variant, ...result.params })
  const scores = queries.map((query) => index.scores(query))
  const top = Math.max(...result.top10.map((expected, q) => topDifference(scores[q]!, expected)))
  const full = (result.all_scores_first_3_queries ?? []).map((expected, q) =>
    Math.max(...expected.map((score, d) => relative(scores[q]![d]!, score))),
  )
  const all = Math.max(0, ...full)
  const scaled = Math.max(top, all * (exact / printed))
  return { difference: scaled, tolerance: exact, detail: `${queries.length} queries` }
}

const variantOf = ({ library, method }: Bm25Result): Bm25Variant => {
  if (library !== 'rank_bm25') return method as Bm25Variant
  const names: Record<string, Bm25Variant> = { okapi: 'okapi', bm25l: 'rank-bm25l', bm25plus: 'bm25+' }
  const name = names[method]
  if (name === undefined) throw new Error(`unknown rank_bm25 method ${method}`)
  return name
}

/** Largest relative difference of the best scores rank by rank, and of our score of each document the reference names. */
function topDifference(scores: Float64Array, expected: Scored): number {
  const order = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b)
  return Math.max(
    0,
    ...expected.map(([document, score], rank) =>
      Math.max(relative(scores[order[rank]!]!, score), relative(scores[document]!, score)),
    ),
  )
}

interface FusionCase {
  readonly lists: string[][]
  readonly k: number
  readonly weights: number[]
  readonly fused: [string, number][]
}

const fusionCases = (golden: string): Case[] =>
  (read<{ cases: FusionCase[] }>(golden, 'fusion')?.cases ?? []).map(({ lists, k, weights, fused }, i) => ({
    path: 'text/retrieval/fusion',
    name: `${i} k=${k} lists=${lists.length}`,
    run: () => {
      const ours = reciprocalRankFusion(lists, { constant: k, weights })
      const sameOrder = ours.length === fused.length && ours.every(([id], j) => id === fused[j]![0])
      return {
        difference: sameOrder ? largest(ours.map(([, s], j) => relative(s, fused[j]![1]))) : Infinity,
        tolerance: 0,
      }
    },
  }))

interface MmrCase {
  readonly query: number[]
  readonly embeddings: number[][]
  readonly lambda: number
  readonly k: number
  readonly selected: number[]
}

const mmrCases = (golden: string): Case[] =>
  (read<{ cases: MmrCase[] }>(golden, 'mmr')?.cases ?? []).map(({ query, embeddings, lambda, k, selected }, i) => ({
    path: 'text/retrieval/mmr',
    name: `${i} lambda=${lambda} k=${k} n=${embeddings.length}`,
    run: () => {
      const ours = maximalMarginalRelevance(query, embeddings, { lambda, k })
      const wrong = selected.filter((place, j) => ours[j] !== place).length + Math.abs(ours.length - selected.length)
      return { difference: wrong, tolerance: 0, detail: `selected ${ours.join(' ')}` }
    },
  }))

interface EvaluationFile {
  readonly trec: {
    readonly qrel: Record<string, Record<string, number>>
    readonly run: Record<string, Record<string, number>>
    readonly per_query: Record<string, Record<string, number>>
    readonly mean: Record<string, number>
  }
  readonly sklearn_ndcg: readonly NdcgRow[]
}

function measureCases(golden: string): Case[] {
  const file = read<EvaluationFile>(golden, 'evaluation')
  if (file === undefined) return []
  const { qrel, run, per_query, mean } = file.trec
  const path = 'text/retrieval/evaluation'
  const trec = Object.keys(mean).map((measure) => ({
    path,
    name: `trec ${measure}`,
    run: () => {
      const ours = trecEval(qrel, run, { measures: [measure] })
      const rows = Object.entries(per_query).map(([query, row]) =>
        relative(ours.perQuery[query]![measure]!, row[measure]!),
      )
      return { difference: largest([...rows, relative(ours.mean[measure]!, mean[measure]!)]), tolerance: exact }
    },
  }))
  const sklearn = file.sklearn_ndcg.map((row, i) => ({
    path,
    name: `sklearn ndcg ${i} n=${row.relevance.length}`,
    run: () => ({ difference: largest(sklearnDifferences(row)), tolerance: exact }),
  }))
  return [...trec, ...sklearn]
}

type NdcgRow = Readonly<Record<string, number | number[]>> & { readonly relevance: number[]; readonly scores: number[] }

function sklearnDifferences(row: NdcgRow): number[] {
  const { relevance, scores } = row
  return Object.entries(row)
    .filter((entry): entry is [string, number] => entry[0].startsWith('ndcg'))
    .map(([key, expected]) => {
      const cut = /@(\d+)$/.exec(key)?.[1]
      const options = { k: cut === undefined ? Infinity : Number(cut) }
      if (!key.endsWith('ignore_ties')) return relative(ndcg(relevance, scores, options), expected)
      return Math.min(...tieOrders(relevance, scores).map((order) => relative(ndcgInOrder(order), expected)))
    })
}

const ndcgInOrder = (relevance: readonly number[]): number =>
  ndcg(
    relevance,
    relevance.map((_, i) => -i),
  )

/**
 * Relevances in every order that documents of equal score may have. With ignore_ties scikit-learn leaves that order to
 * numpy's argsort, which is not stable and depends on the processor, so its value is one of those of these orders.
 */
function tieOrders(relevance: readonly number[], scores: readonly number[]): number[][] {
  const levels = [...new Set(scores)].sort((a, b) => b - a)
  return levels
    .map((level) => arrangements(relevance.filter((_, i) => scores[i] === level)))
    .reduce<number[][]>((heads, tails) => heads.flatMap((head) => tails.map((tail) => [...head, ...tail])), [[]])
}

/** The different orders of `values`. */
function arrangements(values: readonly number[]): number[][] {
  if (values.length === 0) return [[]]
  return [...new Set(values)].flatMap((first) =>
    arrangements(values.toSpliced(values.indexOf(first), 1)).map((rest) => [first, ...rest]),
  )
}

const optionsOf = (params: Readonly<Record<string, number>>): string =>
  Object.entries(params)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')

const relative = (ours: number, expected: number): number =>
  Object.is(ours, expected) ? 0 : Math.abs(ours - expected) / Math.max(Math.abs(expected), 1e-300)

const largest = (differences: readonly number[]): number =>
  differences.some(Number.isNaN) ? Number.NaN : Math.max(0, ...differences)

function read<T>(golden: string, name: string): T | undefined {
  const path = join(golden, 'text', 'retrieval', `${name}.json`)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : undefined
}
