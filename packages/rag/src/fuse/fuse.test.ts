import { describe, expect, it } from 'vitest'
import type { Hit, Retriever } from '../retriever'
import { characterEmbedder, rejection } from '../test/world'
import { type FuseOptions, fuse, medicalGptFusion } from './fuse'
import { maximalMarginalRelevance, mmr } from './mmr'
import { reciprocalRankFusion } from './rank-fusion'
import { rerank } from './rerank'

const hit = (id: string, score: number, text = id): Hit => ({ id, text, source: '', metadata: {}, score })

/** A retriever with fixed hits that records how many it was asked for. */
const fixed = (...hits: Hit[]): Retriever & { readonly asked: (number | undefined)[] } => {
  const asked: (number | undefined)[] = []
  return {
    asked,
    async retrieve(_, { k } = {}) {
      asked.push(k)
      return hits.slice(0, k)
    },
  }
}

describe('reciprocalRankFusion', () => {
  it('adds weight / (constant + rank), rank from 1', () => {
    expect(reciprocalRankFusion([['a', 'b'], ['b']], { constant: 2, weights: [0.5, 1] })).toEqual([
      ['b', 0.5 / 4 + 1 / 3],
      ['a', 0.5 / 3],
    ])
  })

  it('keeps ids of equal score in order of first appearance', () => {
    expect(reciprocalRankFusion([['x'], ['a'], ['m']]).map(([id]) => id)).toEqual(['x', 'a', 'm'])
  })

  it('refuses weights that do not match the lists, and negative ones', () => {
    expect(() => reciprocalRankFusion([['a']], { weights: [1, 2] })).toThrow('expected 1 weights, one a list, got 2')
    expect(() => reciprocalRankFusion([['a']], { weights: [-1] })).toThrow(
      'expected weight 0 to be a number of at least 0',
    )
  })
})

describe('fuse', () => {
  const first = fixed(hit('a', 9), hit('b', 5), hit('c', 1))
  const second = fixed(hit('c', 0.9), hit('d', 0.1))

  it('merges by rank and says where each hit stood', async () => {
    const hits = await fuse([first, second]).retrieve('q', { k: 2 })
    expect(hits).toMatchObject([
      { id: 'c', score: 1 / 63 + 1 / 61, ranks: [3, 1] },
      { id: 'a', score: 1 / 61, ranks: [1, undefined] },
    ])
  })

  it('merges by scores scaled to 0 and 1 in each list', async () => {
    const hits = await fuse([first, second], { method: 'weighted', weights: [1, 0.6] }).retrieve('q', { k: 4 })
    expect(hits.map(({ id, score }) => [id, score])).toEqual([
      ['a', 1],
      ['c', 0.6],
      ['b', 0.5],
      ['d', 0],
    ])
  })

  it('gives a list of equal scores full weight', async () => {
    const hits = await fuse([fixed(hit('a', 3), hit('b', 3)), fixed()], { method: 'weighted' }).retrieve('q')
    expect(hits.map(({ score }) => score)).toEqual([1, 1])
  })

  it('asks each retriever for depth hits, or k when that is more', async () => {
    const one = fixed(hit('a', 1))
    await fuse([one], { depth: 7 }).retrieve('q', { k: 3 })
    await fuse([one], { depth: 7 }).retrieve('q', { k: 30 })
    expect(one.asked).toEqual([7, 30])
  })

  it('has the weights and the constant of MedicalGPT as options', async () => {
    const hits = await fuse([first, second], medicalGptFusion).retrieve('q', { k: 1 })
    expect(hits).toMatchObject([{ id: 'c', score: 0.5 / 5 + 0.5 / 3 }])
  })

  it('refuses two texts under one id', async () => {
    const error = await rejection(fuse([fixed(hit('a', 1, 'one')), fixed(hit('a', 1, 'two'))]).retrieve('q'))
    expect(error).toMatchObject({ code: 'duplicate-id', id: 'a' })
  })

  it.each<[FuseOptions, string]>([
    [{ method: 'rff' as 'rrf' }, "expected method to be one of rrf, weighted, got 'rff'"],
    [{ constant: -1 }, 'expected constant'],
    [{ depth: 0 }, 'expected depth'],
    [{ weights: [1] }, 'expected 2 weights'],
  ])('refuses %j', (options, message) => {
    expect(() => fuse([first, second], options)).toThrow(message)
  })

  it('refuses no retriever', () => {
    expect(() => fuse([])).toThrow('expected at least one retriever, got none')
  })
})

describe('maximalMarginalRelevance', () => {
  const query = [1, 0]
  const embeddings = [
    [1, 0.1],
    [1, 0.1],
    [0.5, -1],
    [0, 0],
  ]

  it('selects a copy of a selected vector last when unlikeness counts', () => {
    expect(maximalMarginalRelevance(query, embeddings, { k: 4, lambda: 0.5 })).toEqual([0, 2, 3, 1])
  })

  it('orders by likeness to the query alone for lambda 1', () => {
    expect(maximalMarginalRelevance(query, embeddings, { k: 4, lambda: 1 })).toEqual([0, 1, 2, 3])
  })

  it('selects nothing for k 0 or no vectors', () => {
    expect(maximalMarginalRelevance(query, embeddings, { k: 0 })).toEqual([])
    expect(maximalMarginalRelevance(query, [], { k: 3 })).toEqual([])
  })

  it('refuses a lambda beyond 1', () => {
    expect(() => maximalMarginalRelevance(query, embeddings, { lambda: 2 })).toThrow(
      'expected lambda to be a number from 0 to 1',
    )
  })
})

describe('mmr', () => {
  it('fetches more than it returns and leaves out what repeats', async () => {
    const inner = fixed(hit('1', 3, '雾心症检查'), hit('2', 2, '雾心症检查！'), hit('3', 1, '石纹热'))
    const hits = await mmr(inner, { embedder: characterEmbedder(), lambda: 0.3, fetch: 10 }).retrieve('雾心症检查', {
      k: 2,
    })
    expect(inner.asked).toEqual([10])
    expect(hits.map(({ id, score }) => [id, score])).toEqual([
      ['1', 3],
      ['3', 1],
    ])
  })
})

describe('rerank', () => {
  const inner = fixed(hit('a', 3), hit('b', 2), hit('c', 1))

  it('orders by the new scores and keeps the order of equal ones', async () => {
    const hits = await rerank(inner, { score: async (_, list) => list.map(({ id }) => (id === 'c' ? 1 : 0)) }).retrieve(
      'q',
      { k: 2 },
    )
    expect(hits.map(({ id, score }) => [id, score])).toEqual([
      ['c', 1],
      ['a', 0],
    ])
  })

  it.each([[[1]], [[1, 2, Number.NaN]]])('refuses the scores %j for three hits', async (scores) => {
    expect(await rejection(rerank(inner, { score: () => scores }).retrieve('q'))).toMatchObject({
      code: 'model',
      message: expect.stringContaining('expected one number a hit'),
    })
  })
})
