import { describe, expect, it } from 'vitest'
import { bm25 } from './bm25/bm25'
import { decodeBm25 } from './bm25/decode'
import { encodeBm25 } from './bm25/encode'
import { dense } from './dense/dense'
import { fuse } from './fuse/fuse'
import { mmr } from './fuse/mmr'
import { rerank } from './fuse/rerank'
import type { Retriever } from './retriever'
import { characterEmbedder, documents, rejection } from './test/world'

const embedder = characterEmbedder()
const lexical = await bm25(documents)
const vectors = await dense(documents, { embedder })

/** Every retriever of the package, over the same documents. */
const retrievers: [string, Retriever][] = [
  ['bm25', lexical],
  ['bm25 from bytes', decodeBm25(encodeBm25(lexical))],
  ['dense', vectors],
  ['fuse by rank', fuse([lexical, vectors])],
  ['fuse by score', fuse([lexical, vectors], { method: 'weighted', weights: [0.3, 0.7] })],
  ['mmr', mmr(vectors, { embedder, lambda: 0.9 })],
  ['rerank', rerank(lexical, { score: (query, hits) => hits.map(({ text }) => (text.includes(query) ? 1 : 0)) })],
]

describe.each(retrievers)('%s', (_, retriever) => {
  it('finds the document that holds the words of the query first, whole', async () => {
    const [best] = await retriever.retrieve('霜肺病的治疗')
    expect(best).toMatchObject({
      id: 'world/5',
      text: '霜肺病的治疗以温阳散为主，疗程两周。',
      source: 'invented handbook',
      metadata: { row: 5 },
    })
    expect(best!.score).toBeGreaterThan(0)
  })

  it('returns at most k hits, each once, and fewer hits are the beginning of more', async () => {
    const five = await retriever.retrieve('石纹热的检查', { k: 5 })
    const two = await retriever.retrieve('石纹热的检查', { k: 2 })
    expect(five.length).toBeLessThanOrEqual(5)
    expect(new Set(five.map(({ id }) => id)).size).toBe(five.length)
    expect(two.map(({ id }) => id)).toEqual(five.slice(0, 2).map(({ id }) => id))
  })

  it('returns five hits at most by default, and none for k = 0', async () => {
    expect((await retriever.retrieve('检查')).length).toBeLessThanOrEqual(5)
    expect(await retriever.retrieve('检查', { k: 0 })).toEqual([])
  })

  it('gives the same hits every time', async () => {
    expect(await retriever.retrieve('雾心症首选检查')).toEqual(await retriever.retrieve('雾心症首选检查'))
  })

  it('answers two queries at once as it answers them one after the other', async () => {
    const queries = ['雾心症', '石纹热的药物']
    const both = await Promise.all(queries.map((query) => retriever.retrieve(query)))
    expect(both).toEqual([await retriever.retrieve(queries[0]!), await retriever.retrieve(queries[1]!)])
  })

  it.each([-1, 1.5, Number.NaN])('refuses k = %s', async (k) => {
    expect(await rejection(retriever.retrieve('检查', { k }))).toMatchObject({ code: 'option' })
  })

  it('rejects with the reason of an aborted signal', async () => {
    const reason = new Error('enough')
    expect(await rejection(retriever.retrieve('检查', { signal: AbortSignal.abort(reason) }))).toBe(reason)
  })
})
