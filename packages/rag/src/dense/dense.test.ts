import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toDocument } from '../documents/document'
import { characterEmbedder, documents, rejection, seeded } from '../test/world'
import { dense, denseOver } from './dense'
import type { Embedder } from './embedder'
import { memoryStore } from './memory-store'
import { dot } from './normalise'
import { quantiseQuery, quantiseRow } from './quantise'
import { int8Scan, type ScanKernel } from './scan'
import type { VectorRecord } from './vector-store'

const record = (id: string, values: ArrayLike<number>, metadata = {}): VectorRecord => ({
  document: toDocument({ id, text: id, metadata }, 0),
  vector: Float32Array.from(values),
})

const unit = (vector: Float32Array): Float32Array => {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
  return vector.map((value) => value / length)
}

const vectors = (count: number, dimensions: number, seed: number): Float32Array[] => {
  const random = seeded(seed)
  return Array.from({ length: count }, () => Float32Array.from({ length: dimensions }, () => random() + random() - 1))
}

describe('int8Scan', () => {
  it('gives the same integers by WebAssembly and by JavaScript, whatever the dimensions and the order of calls', () => {
    const random = seeded(3)
    for (const dimensions of [1, 7, 16, 31, 512]) {
      const scans = (['wasm', 'js'] as ScanKernel[]).map((kernel) => int8Scan(dimensions, kernel))
      for (let i = 0; i < 150; i++) {
        const row = Int8Array.from({ length: dimensions }, () => Math.floor(random() * 255) - 127)
        for (const scan of scans) scan.push(row)
        if (i % 37 !== 5) continue
        const query = Int16Array.from({ length: dimensions }, () => Math.floor(random() * 8000) - 4000)
        const [wasm, js] = scans.map((scan) => Array.from(scan.dots(query)))
        expect(wasm).toEqual(js)
        expect(wasm!.at(-1)).toBe(row.reduce((sum, value, d) => sum + value * query[d]!, 0))
      }
    }
  })

  it('runs by WebAssembly unless told otherwise', () => {
    expect([int8Scan(8).kernel, int8Scan(8, 'js').kernel]).toEqual(['wasm', 'js'])
  })
})

describe('quantise', () => {
  it('stays within the error that it states, and query and row within int32 together', () => {
    const value = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1, max: 1 })
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 64 }), (values) => {
        fc.pre(values.some((one) => Math.abs(one) > 1e-3))
        const vector = unit(Float32Array.from(values))
        for (const { values: whole, scale, error } of [quantiseRow(vector), quantiseQuery(vector)]) {
          const distance = Math.sqrt(vector.reduce((sum, one, i) => sum + (one - whole[i]! * scale) ** 2, 0))
          expect(distance).toBeLessThanOrEqual(error * (1 + 1e-9) + 1e-12)
        }
        const worst = quantiseQuery(vector).values.reduce((sum, one) => sum + 127 * Math.abs(one), 0)
        expect(worst).toBeLessThan(2 ** 31)
      }),
    )
  })

  it('keeps the sum within int32 for a flat vector of the most dimensions', () => {
    const flat = unit(new Float32Array(65_536).fill(1))
    expect(127 * quantiseQuery(flat).values.reduce((sum, one) => sum + one, 0)).toBeLessThan(2 ** 31)
  })
})

describe.each<ScanKernel>(['wasm', 'js'])('memoryStore by %s', (kernel) => {
  it('finds exactly the vectors, in exactly the order and with the scores, that comparing all in float64 gives', async () => {
    for (const [count, dimensions, seed] of [
      [400, 24, 1],
      [300, 3, 2],
      [50, 700, 3],
    ] as const) {
      const stored = vectors(count, dimensions, seed)
      const store = memoryStore({ dimensions, kernel })
      await store.add(stored.map((vector, i) => record(String(i), vector)))
      for (const query of vectors(20, dimensions, seed + 10)) {
        const all = stored.map((vector, i) => ({ id: String(i), score: dot(unit(query), unit(vector)) }))
        const expected = all.sort((a, b) => b.score - a.score).slice(0, 7)
        const hits = await store.search(query, { k: 7 })
        expect(hits.map(({ id, score }) => ({ id, score }))).toEqual(expected)
      }
    }
  })

  it('tells apart vectors whose int8 copies are equal', async () => {
    const store = memoryStore({ dimensions: 3, kernel })
    await store.add([record('near', [1, 0.003, 0]), record('nearer', [1, 0.002, 0]), record('nearest', [1, 0.001, 0])])
    const hits = await store.search(Float32Array.of(1, 0, 0), { k: 2 })
    expect(hits.map(({ id }) => id)).toEqual(['nearest', 'nearer'])
  })

  it('returns equal vectors in the order in which they came', async () => {
    const store = memoryStore({ dimensions: 2, kernel })
    await store.add(['a', 'b', 'c'].map((id) => record(id, [2, 1])))
    expect((await store.search(Float32Array.of(2, 1), { k: 2 })).map(({ id }) => id)).toEqual(['a', 'b'])
  })

  it('keeps what was added between searches apart from their results', async () => {
    const store = memoryStore({ dimensions: 20, kernel })
    const [query] = vectors(1, 20, 9)
    for (const [i, vector] of vectors(60, 20, 4).entries()) {
      await store.add([record(String(i), vector)])
      const [best] = await store.search(vector, { k: 1 })
      expect(best!.id).toBe(String(i))
      await store.search(query!, { k: 3 })
    }
  })
})

describe('memoryStore', () => {
  it('replaces a record of the same id, removes by id, and counts what is left', async () => {
    const store = memoryStore({ dimensions: 2 })
    await store.add([record('a', [1, 0]), record('b', [0, 1])])
    await store.add([record('a', [0, -1])])
    expect(await store.count()).toBe(2)
    expect((await store.search(Float32Array.of(1, 0.1), { k: 5 })).map(({ id }) => id)).toEqual(['b', 'a'])
    expect(await store.remove(['a', 'unknown'])).toBe(1)
    expect((await store.search(Float32Array.of(0, -1), { k: 5 })).map(({ id }) => id)).toEqual(['b'])
    expect(await store.count()).toBe(1)
  })

  it('searches only records with the metadata asked for', async () => {
    const store = memoryStore({ dimensions: 2 })
    await store.add([record('a', [1, 0], { split: undefined, kind: 'book' }), record('b', [0.9, 0.1], { kind: 'qa' })])
    expect((await store.search(Float32Array.of(1, 0), { k: 1, where: { kind: 'qa' } })).map(({ id }) => id)).toEqual([
      'b',
    ])
    expect(await store.search(Float32Array.of(1, 0), { k: 1, where: { kind: 'none' } })).toEqual([])
  })

  it('finds nothing in an empty store', async () => {
    expect(await memoryStore({ dimensions: 2 }).search(Float32Array.of(1, 0), { k: 3 })).toEqual([])
  })

  it.each([
    [[1, 2, 3], /to have 2 values, got 3/],
    [[0, 0], /finite length above 0, got 0/],
    [[1, Number.NaN], /got NaN/],
    [[1, Infinity], /got Infinity/],
  ])('refuses the vector %j and adds none of the batch', async (values, message) => {
    const store = memoryStore({ dimensions: 2 })
    const error = await rejection(store.add([record('good', [1, 0]), record('bad', values)]))
    expect(error).toMatchObject({ code: 'embedding', id: 'bad', message: expect.stringMatching(message) })
    expect(await store.count()).toBe(0)
    expect(await rejection(store.search(Float32Array.from(values), { k: 1 }))).toMatchObject({ code: 'embedding' })
  })

  it('refuses a test document also when it is added past an index', async () => {
    const store = memoryStore({ dimensions: 1 })
    const exam = { document: toDocument({ text: '题目', split: 'test' }, 0), vector: Float32Array.of(1) }
    expect(await rejection(store.add([exam]))).toMatchObject({ code: 'split' })
  })

  it.each([0, 1.5, 70_000])('refuses %s dimensions', (dimensions) => {
    expect(() => memoryStore({ dimensions })).toThrow('expected dimensions')
  })
})

describe('dense', () => {
  it('embeds documents as documents in batches, and queries as queries', async () => {
    const embedder = characterEmbedder()
    const progress: number[] = []
    const index = await dense(documents, { embedder, batch: 3, onProgress: ({ done }) => progress.push(done) })
    await index.retrieve('雾心症')
    expect(embedder.calls).toEqual([
      { texts: 3, kind: 'document' },
      { texts: 3, kind: 'document' },
      { texts: 2, kind: 'document' },
      { texts: 1, kind: 'query' },
    ])
    expect(progress).toEqual([3, 6, 8])
    expect(await index.store.count()).toBe(8)
  })

  it('does not embed blank texts and counts them', async () => {
    const { report } = await dense(['文', ' \n', ''], { embedder: characterEmbedder() })
    expect(report).toMatchObject({ received: 3, indexed: 3, empty: 2 })
  })

  it('finds nothing for a blank query', async () => {
    const index = await dense(documents, { embedder: characterEmbedder() })
    expect(await index.retrieve('  ')).toEqual([])
  })

  it('refuses an embedder that returns fewer vectors than texts', async () => {
    const embedder: Embedder = { dimensions: 2, embed: async () => [] }
    expect(await rejection(dense(['文'], { embedder }))).toMatchObject({
      code: 'embedding',
      message: 'dense: expected 1 vectors from the embedder, one a text, got 0. Check the embedder.',
    })
  })

  it('refuses a store of other dimensions', () => {
    expect(() => denseOver(memoryStore({ dimensions: 3 }), characterEmbedder(64))).toThrow(
      'expected an embedder of 3 dimensions, as the store has, got 64',
    )
  })

  it('stops between batches when the signal is aborted', async () => {
    const stop = new AbortController()
    const embedder = characterEmbedder()
    const onProgress = (): void => stop.abort()
    expect(await rejection(dense(documents, { embedder, batch: 2, onProgress, signal: stop.signal }))).toMatchObject({
      name: 'AbortError',
    })
    expect(embedder.calls.length).toBe(1)
  })
})
