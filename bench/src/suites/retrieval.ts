import { readdirSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { bm25, memoryStore, type VectorStore } from '@qilin-med/rag'
import type { BenchCase, BenchOptions, Suite } from '../suite'

/** BM25 and exact vector search against bm25s and faiss, one thread each. */
export const suite: Suite = { name: 'retrieval', cases }

const query = { count: 2000, length: 30, k: 10 } as const
const flat = { rows: 50_000, dimensions: 512, count: 50, k: 10 } as const

async function cases(options: BenchOptions): Promise<BenchCase[]> {
  const texts = await readTexts(options.data)
  const peer = await options.startPeer('retrieval', [await sharedFile(texts, options)])
  const size = `${texts.length} texts`
  const against = (
    name: string,
    peerName: string,
    ours: () => Promise<number>,
    measure: string,
    args = {},
  ): BenchCase => ({
    name: `${name} vs ${peerName}`,
    unit: 'ms',
    higherIsBetter: false,
    peerName,
    ours,
    ...(peer && { peer: () => peer.measure(measure, args), versions: peer.versions }),
  })
  const index = await bm25(texts, { tokenizer: pairs })
  const { store, queries } = await filledStore()
  const { rows, dimensions } = flat
  return [
    against(
      `bm25 index ${size}, pairs of characters`,
      'bm25s',
      () => milliseconds(() => bm25(texts, { tokenizer: pairs })),
      'index',
    ),
    against(`bm25 query of ${query.length} characters, ${size}`, 'bm25s', () => perQuery(index, texts), 'query', query),
    against(
      `exact search ${rows}x${dimensions}, one by one`,
      'faiss flat',
      () => perVector(store, queries),
      'dense',
      flat,
    ),
    against(
      `exact search ${rows}x${dimensions}, batch of 200`,
      'faiss flat',
      () => perVector(store, queries),
      'dense_batch',
      {
        ...flat,
        count: 200,
      },
    ),
  ]
}

/** The terms that the peer indexes. Its time does not contain the cutting; ours does. */
const pairs = {
  name: 'pairs',
  tokenize(text: string): string[] {
    const terms: string[] = []
    for (let i = 0; i + 2 <= text.length; i++) terms.push(text.slice(i, i + 2))
    return terms
  },
}

async function milliseconds(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await run()
  return performance.now() - start
}

async function perQuery(index: Awaited<ReturnType<typeof bm25>>, texts: readonly string[]): Promise<number> {
  const queries = texts.slice(0, query.count).map((text) => text.slice(0, query.length))
  const run = async (): Promise<void> => {
    for (const text of queries) await index.retrieve(text, { k: query.k })
  }
  return (await milliseconds(run)) / queries.length
}

async function perVector(store: VectorStore, queries: readonly Float32Array[]): Promise<number> {
  const run = async (): Promise<void> => {
    for (const vector of queries) await store.search(vector, { k: flat.k })
  }
  return (await milliseconds(run)) / queries.length
}

async function filledStore(): Promise<{ store: VectorStore; queries: Float32Array[] }> {
  const random = seeded(1)
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const store = memoryStore({ dimensions: flat.dimensions })
  const vectors = Array.from({ length: flat.rows }, () => Float32Array.from({ length: flat.dimensions }, normal))
  await store.add(
    vectors.map((vector, i) => ({ document: { id: String(i), text: '', source: '', metadata: {} }, vector })),
  )
  return { store, queries: vectors.slice(0, flat.count) }
}

/** About 26,000 texts of at most 600 characters: rows of the data folder when it is there, otherwise invented ones. */
async function readTexts(data: string | undefined): Promise<string[]> {
  const texts = data === undefined ? [] : await rowsOf(data)
  return texts.length > 1000 ? texts : invented(26_000)
}

async function rowsOf(data: string): Promise<string[]> {
  const texts: string[] = []
  for (const name of readdirSync(data, { recursive: true }).map(String).sort()) {
    if (!name.endsWith('.jsonl.gz')) continue
    const lines = gunzipSync(await readFile(join(data, name)))
      .toString('utf8')
      .split('\n')
    for (const line of lines) if (line !== '') texts.push(stringsIn(JSON.parse(line)).join('\n').slice(0, 600))
  }
  return texts.filter(({ length }) => length >= 60).slice(0, 26_542)
}

const stringsIn = (value: unknown): string[] =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(stringsIn)
      : []

function invented(count: number): string[] {
  const random = seeded(2)
  const syllables = Array.from({ length: 3000 }, (_, i) => String.fromCharCode(0x4e00 + i))
  const draw = (): string => syllables[Math.floor(3000 * random() ** 3)]!
  return Array.from({ length: count }, () => Array.from({ length: 60 + Math.floor(400 * random()) }, draw).join(''))
}

/** Numbers from 0 to 1 that depend on the seed only (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The texts in a file for the peer; it goes with the suite. */
async function sharedFile(texts: readonly string[], { own, peerPython }: BenchOptions): Promise<string> {
  if (peerPython === undefined) return ''
  const folder = await mkdtemp(join(tmpdir(), 'qilin-bench-'))
  own({ [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) })
  const path = join(folder, 'texts.json')
  await writeFile(path, JSON.stringify(texts))
  return path
}
