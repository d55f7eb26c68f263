import { describe, expect, it } from 'vitest'
import { bm25 } from '../bm25/bm25'
import { chunk } from '../chunk/chunk'
import { documents, rejection } from '../test/world'
import { toLangChain } from './langchain'
import { toLlamaIndex } from './llamaindex'

const index = await bm25(documents)
const query = '霜肺病的治疗'
const best = {
  pageContent: '霜肺病的治疗以温阳散为主，疗程两周。',
  metadata: { row: 5, source: 'invented handbook', score: expect.any(Number) },
  id: 'world/5',
}

describe('toLangChain', () => {
  const retriever = toLangChain(index, { k: 2 })

  it('has what LangChain.js looks for in a runnable', () => {
    expect(retriever.lc_runnable).toBe(true)
    for (const method of ['invoke', 'batch', 'stream', 'transform', 'pipe'] as const)
      expect(typeof retriever[method]).toBe('function')
  })

  it('invokes and batches to documents with score and source in their metadata', async () => {
    const found = await retriever.invoke(query)
    expect(found.length).toBe(2)
    expect(found[0]).toEqual(best)
    expect(await retriever.batch([query, '石纹热'])).toEqual([found, await retriever.invoke('石纹热')])
  })

  it('streams one value, and transforms a streamed query', async () => {
    const values: unknown[] = []
    for await (const value of await retriever.stream(query)) values.push(value)
    async function* pieces() {
      yield query.slice(0, 3)
      yield query.slice(3)
    }
    for await (const value of retriever.transform(pieces())) values.push(value)
    expect(values).toEqual([await retriever.invoke(query), await retriever.invoke(query)])
  })

  it('pipes into functions and runnables, one after the other', async () => {
    const count = { invoke: async (text: string) => text.length }
    const chain = retriever.pipe((found) => found[0]!.pageContent).pipe(count)
    expect(await chain.invoke(query)).toBe(best.pageContent.length)
  })

  it('passes the signal on', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    expect(await rejection(retriever.invoke(query, { signal }))).toMatchObject({ message: 'enough' })
  })

  it('keeps the place of a chunk in its metadata', async () => {
    const chunks = toLangChain(await bm25(chunk(documents, { characters: 10 })))
    const [first] = await chunks.invoke(query)
    expect(first!.metadata.part).toMatchObject({ document: 'world/5', start: 0 })
  })
})

describe('toLlamaIndex', () => {
  const retriever = toLlamaIndex(index, { k: 1 })

  it('retrieves nodes with scores for a text, a query, and a query of several parts', async () => {
    const found = await retriever.retrieve(query)
    expect(found).toMatchObject([{ node: { id_: 'world/5', text: best.pageContent }, score: expect.any(Number) }])
    const parts = [{ type: 'text', text: query.slice(0, 2) }, { type: 'image' }, { type: 'text', text: query.slice(2) }]
    for (const form of [{ query }, { query: parts }])
      expect((await retriever.retrieve(form)).map(({ node }) => node.id_)).toEqual(['world/5'])
  })

  it('gives the content of a node with and without its metadata', async () => {
    const [{ node }] = (await retriever.retrieve(query)) as [Awaited<ReturnType<typeof retriever.retrieve>>[number]]
    expect(node.getText()).toBe(best.pageContent)
    expect(node.getContent()).toBe(best.pageContent)
    expect(node.getContent('NONE')).toBe(best.pageContent)
    expect(node.getContent('LLM')).toBe(`row: 5\nsource: invented handbook\n\n${best.pageContent}`)
  })
})
