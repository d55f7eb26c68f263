import { describe, expect, it } from 'vitest'
import { bm25 } from '../bm25/bm25'
import { chunk } from '../chunk/chunk'
import { documents } from '../test/world'
import { evaluateRetriever } from './evaluate-retriever'
import { ndcg } from './ndcg'
import { trecEval } from './trec'

const measures = [
  'map',
  'recip_rank',
  'ndcg',
  'Rprec',
  'bpref',
  'num_rel_ret',
  'P_2',
  'recall_2',
  'ndcg_cut_2',
  'map_cut_2',
  'success_1',
]

describe('trecEval', () => {
  it('equals the measures worked out by hand', () => {
    // Ranking: x (irrelevant), a (2), u (unjudged), b (1); c (1) is not found. Relevant: 3, judged irrelevant: 1.
    const judgements = { q: { a: 2, b: 1, c: 1, x: 0 } }
    const { perQuery } = trecEval(judgements, { q: { x: 4, a: 3, u: 2, b: 1 } }, { measures })
    const ideal = 2 + 1 / Math.log2(3) + 1 / Math.log2(4)
    expect(perQuery.q).toEqual({
      map: (1 / 2 + 2 / 4) / 3,
      recip_rank: 1 / 2,
      ndcg: (2 / Math.log2(3) + 1 / Math.log2(5)) / ideal,
      Rprec: 1 / 3,
      bpref: 0,
      num_rel_ret: 2,
      P_2: 1 / 2,
      recall_2: 1 / 3,
      ndcg_cut_2: 2 / Math.log2(3) / (2 + 1 / Math.log2(3)),
      map_cut_2: 1 / 2 / 3,
      success_1: 0,
    })
  })

  it('breaks ties of single precision by id, descending', () => {
    const judgements = { q: { a: 1, b: 0 } }
    const reciprocal = (a: number, b: number): number | undefined =>
      trecEval(judgements, { q: { a, b } }, { measures: ['recip_rank'] }).mean.recip_rank
    expect(reciprocal(0.5, 0.5)).toBe(1 / 2)
    expect(reciprocal(0.5 + 1e-12, 0.5)).toBe(1 / 2)
    expect(reciprocal(0.5 + 1e-6, 0.5)).toBe(1)
  })

  it('orders ids by code point, as their bytes in UTF-8 are ordered', () => {
    const judgements = { q: { '\u{20000}': 1, '\uff21': 0 } }
    expect(trecEval(judgements, { q: { '\u{20000}': 1, '\uff21': 1 } }, { measures: ['P_1'] }).mean.P_1).toBe(1)
  })

  it('leaves out queries that were not run, or counts them as 0', () => {
    const judgements = { q: { a: 1 }, missing: { a: 1 } }
    const run = { q: { a: 1 }, unjudged: { a: 1 } }
    expect(trecEval(judgements, run)).toMatchObject({ queries: 1, mean: { recall_1: 1 } })
    expect(trecEval(judgements, run, { complete: true })).toMatchObject({ queries: 2, mean: { recall_1: 0.5 } })
  })

  it('gives 0 for a query without a relevant document', () => {
    const { perQuery } = trecEval({ q: { a: 0 } }, { q: { a: 1 } }, { measures })
    expect(Object.values(perQuery.q!)).toEqual(measures.map(() => 0))
  })

  it('takes ids that are names of Object.prototype', () => {
    const judgements = { constructor: { toString: 1 } }
    expect(trecEval(judgements, {}, { complete: true }).mean.map).toBe(0)
    expect(trecEval({ q: {} }, { q: { toString: 1 } }, { measures: ['P_1'] }).mean.P_1).toBe(0)
  })

  it.each(['MAP', 'P_0', 'P_', 'ndcg_cut', 'constructor', 'recall_1.5'])('refuses the measure %j', (name) => {
    expect(() => trecEval({ q: { a: 1 } }, { q: { a: 1 } }, { measures: [name] })).toThrow(
      'expected a measure such as map',
    )
  })

  it('refuses a run that shares no query with the judgements', () => {
    expect(() => trecEval({ q: { a: 1 } }, { p: { a: 1 } })).toThrowErrorMatchingInlineSnapshot(
      `[RagError: trecEval: expected a query that is both judged and run, got 1 judged and 1 run ones that share none. Check the query ids.]`,
    )
  })
})

describe('ndcg', () => {
  it('averages over the orders of documents of equal score', () => {
    const both = (1 + 1 / Math.log2(3)) / 2
    expect(ndcg([1, 0], [0.5, 0.5])).toBeCloseTo(both, 15)
    expect(ndcg([0, 1], [0.5, 0.5], { ties: 'given' })).toBeCloseTo(1 / Math.log2(3), 15)
  })

  it('counts only the first k ranks, and is 0 when nothing is relevant', () => {
    expect(ndcg([0, 1], [2, 1], { k: 1 })).toBe(0)
    expect(ndcg([0, 0], [2, 1])).toBe(0)
  })

  it('refuses lists of different lengths and negative relevance', () => {
    expect(() => ndcg([1], [1, 2])).toThrow('got 1 and 2')
    expect(() => ndcg([-1], [1])).toThrow('relevances of at least 0')
  })
})

describe('evaluateRetriever', () => {
  const queries = [
    { id: 'q1', text: '雾心症首选检查' },
    { id: 'q2', text: '霜肺病的治疗' },
    { id: 'q3', text: 'ζητώ' },
  ]
  const judgements = { q1: { 'world/0': 1 }, q2: { 'world/5': 1 }, q3: { 'world/7': 1 } }

  it('counts every query, with 0 where nothing was found', async () => {
    const { mean, queries: count } = await evaluateRetriever(await bm25(documents), { queries, judgements })
    expect(count).toBe(3)
    expect(mean.recall_1).toBeCloseTo(2 / 3, 15)
  })

  it('judges chunks by the document that they were cut from', async () => {
    const chunks = await bm25(chunk(documents, { characters: 12 }))
    const byHit = await evaluateRetriever(chunks, { queries, judgements })
    const byDocument = await evaluateRetriever(chunks, { queries, judgements, judgedBy: 'document' })
    expect(byHit.mean.recall_5).toBe(0)
    expect(byDocument.mean.recall_5).toBeCloseTo(2 / 3, 15)
  })

  it('counts the order of the hits, not their scores', async () => {
    const retriever = {
      retrieve: async () =>
        ['b', 'a'].map((id) => ({ id, text: '', source: '', metadata: {}, score: id === 'a' ? 9 : 1 })),
    }
    const { mean } = await evaluateRetriever(retriever, {
      queries: [{ id: 'q', text: '' }],
      judgements: { q: { a: 1 } },
      measures: ['recip_rank'],
    })
    expect(mean.recip_rank).toBe(1 / 2)
  })
})
