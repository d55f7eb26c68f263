import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { bm25 } from '../bm25/bm25'
import { dense, denseOver } from '../dense/dense'
import type { VectorRecord } from '../dense/vector-store'
import { toDocument } from '../documents/document'
import { splitGuard, splitManifest } from '../documents/split-guard'
import { isRagError } from '../errors'
import { characterEmbedder, documents, rejection, seeded, texts } from '../test/world'
import { loadBm25, saveBm25 } from './bm25-file'
import { fileStore } from './file-store'
import { readSplitManifest, writeSplitManifest } from './split-manifest'

const root = mkdtempSync(join(tmpdir(), 'rag-files-'))
afterAll(() => rmSync(root, { recursive: true }))
let folders = 0
const newFolder = (): string => join(root, String(folders++))

const record = (id: string, values: readonly number[]): VectorRecord => ({
  document: toDocument({ id, text: `text of ${id}`, source: 's', metadata: { id } }, 0),
  vector: Float32Array.from(values),
})

describe('saveBm25 and loadBm25', () => {
  it('give the index back from a folder that is made for it, and leave nothing else there', async () => {
    const folder = newFolder()
    const index = await bm25(documents)
    await saveBm25(join(folder, 'deep/kb.bm25'), index)
    expect(readdirSync(join(folder, 'deep'))).toEqual(['kb.bm25'])
    const again = await loadBm25(join(folder, 'deep/kb.bm25'))
    expect(await again.retrieve('霜肺病的治疗')).toEqual(await index.retrieve('霜肺病的治疗'))
  })

  it('leave the old file as it was when the new one cannot be written', async () => {
    const folder = newFolder()
    const path = join(folder, 'kb.bm25')
    await saveBm25(path, await bm25(documents))
    const before = readFileSync(path)
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    expect(await rejection(saveBm25(path, await bm25([{ text: '字', metadata: cyclic }])))).toMatchObject({
      code: 'document',
    })
    expect(readFileSync(path)).toEqual(before)
    mkdirSync(join(folder, 'taken'))
    expect(await rejection(saveBm25(join(folder, 'taken'), await bm25(documents)))).toMatchObject({
      code: 'file',
      path: join(folder, 'taken'),
    })
    expect(readdirSync(folder).sort()).toEqual(['kb.bm25', 'taken'])
  })

  it('name the file that is missing or damaged', async () => {
    const path = join(newFolder(), 'none.bm25')
    expect(await rejection(loadBm25(path))).toMatchObject({ code: 'file', path })
    await saveBm25(path, await bm25(documents))
    writeFileSync(path, readFileSync(path).subarray(0, 200))
    expect(await rejection(loadBm25(path))).toMatchObject({
      code: 'index-format',
      path,
      message: expect.stringContaining(path),
    })
  })

  it('refuse a saved index that holds rows of a test split that was drawn later', async () => {
    const path = join(newFolder(), 'kb.bm25')
    await saveBm25(path, await bm25(documents))
    const guard = splitGuard({ manifest: splitManifest({ test: [texts[3]!] }) })
    expect(await rejection(loadBm25(path, { guard }))).toMatchObject({ code: 'split', id: 'world/3' })
  })
})

describe('split manifest files', () => {
  it('are written and read', async () => {
    const path = join(newFolder(), 'splits.json')
    const manifest = splitManifest({ test: ['乙', '甲', '甲'], train: ['丙'] })
    expect(manifest.splits.test!.length).toBe(2)
    await writeSplitManifest(path, manifest)
    expect(await readSplitManifest(path)).toEqual(manifest)
  })

  it('of @qilin-med/chimed are read too', async () => {
    const path = join(newFolder(), 'splits.json')
    await writeSplitManifest(path, splitManifest({}))
    const manifest = { version: 1, fingerprints: { test: ['abc'], validation: [] }, tests: ['CMExam'] }
    writeFileSync(path, JSON.stringify(manifest))
    expect(await readSplitManifest(path)).toEqual(manifest)
  })

  it.each(['', '[]', '{"version":2}', '{"version":1,"hash":"x","splits":{"test":"abc"}}'])(
    '%j is refused',
    async (json) => {
      const path = join(newFolder(), 'splits.json')
      await writeSplitManifest(path, splitManifest({}))
      writeFileSync(path, json)
      expect(await rejection(readSplitManifest(path))).toMatchObject({ code: 'file', path })
    },
  )
})

describe('fileStore', () => {
  it('holds what was added, replaced and removed after it is opened again', async () => {
    const folder = newFolder()
    const store = await fileStore(folder, { dimensions: 2, embedder: 'demo' })
    await store.add([record('a', [1, 0]), record('b', [0, 1]), record('c', [1, 1])])
    await store.add([record('a', [-1, 0])])
    expect(await store.remove(['c', 'unknown'])).toBe(1)
    await store.add([])
    const again = await fileStore(folder, { dimensions: 2, embedder: 'demo' })
    expect(await again.count()).toBe(2)
    const query = Float32Array.of(-1, 0.2)
    expect(await again.search(query, { k: 5 })).toEqual(await store.search(query, { k: 5 }))
    expect((await again.search(query, { k: 1 }))[0]).toMatchObject({
      id: 'a',
      text: 'text of a',
      metadata: { id: 'a' },
    })
  })

  it('serves a dense index across processes', async () => {
    const folder = newFolder()
    const embedder = characterEmbedder()
    const index = await dense(documents, { embedder, store: await fileStore(folder, { dimensions: 64 }) })
    const reopened = denseOver(await fileStore(folder, { dimensions: 64 }), embedder)
    expect(await reopened.retrieve('雾心症')).toEqual(await index.retrieve('雾心症'))
  })

  it('takes changes that are made at once one after the other', async () => {
    const folder = newFolder()
    const store = await fileStore(folder, { dimensions: 1 })
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.add([record(String(i), [1])])))
    expect(await (await fileStore(folder, { dimensions: 1 })).count()).toBe(20)
  })

  it('adds none of a batch with a bad vector, and goes on', async () => {
    const folder = newFolder()
    const store = await fileStore(folder, { dimensions: 1 })
    expect(await rejection(store.add([record('a', [1]), record('b', [Number.NaN])]))).toMatchObject({
      code: 'embedding',
      id: 'b',
    })
    await store.add([record('c', [1])])
    expect(await (await fileStore(folder, { dimensions: 1 })).count()).toBe(1)
  })

  it('does not count a segment that a killed process left unlisted, and writes over it', async () => {
    const folder = newFolder()
    const store = await fileStore(folder, { dimensions: 1 })
    await store.add([record('a', [1])])
    writeFileSync(join(folder, 'segment-000001.bin'), 'half a segm')
    const again = await fileStore(folder, { dimensions: 1 })
    expect(await again.count()).toBe(1)
    await again.add([record('b', [1])])
    expect(await (await fileStore(folder, { dimensions: 1 })).count()).toBe(2)
  })

  it('refuses other dimensions and another embedder', async () => {
    const folder = newFolder()
    await (await fileStore(folder, { dimensions: 2, embedder: 'one' })).add([record('a', [1, 0])])
    expect(await rejection(fileStore(folder, { dimensions: 3 }))).toMatchObject({
      code: 'store',
      message: expect.stringContaining('expected a store with dimensions 3'),
    })
    expect(await rejection(fileStore(folder, { dimensions: 2, embedder: 'two' }))).toMatchObject({
      code: 'store',
      message: expect.stringContaining("got 'one'"),
    })
  })

  it('refuses a test document', async () => {
    const store = await fileStore(newFolder(), { dimensions: 1 })
    const exam = { document: toDocument({ text: '题目', split: 'test' }, 0), vector: Float32Array.of(1) }
    expect(await rejection(store.add([exam]))).toMatchObject({ code: 'split' })
    expect(await store.count()).toBe(0)
  })

  it.each([
    ['a manifest that is no JSON', 'store.json', () => '{'],
    ['a manifest of another version', 'store.json', (text: string) => text.replace('"version":1', '"version":9')],
    [
      'a segment name that leads elsewhere',
      'store.json',
      (text: string) => text.replace('segment-000000.bin', '../../etc/x'),
    ],
    ['a count that is no number', 'store.json', (text: string) => text.replace('"count":1', '"count":"1"')],
    ['a huge count', 'store.json', (text: string) => text.replace('"count":1', '"count":900719925474099')],
    ['a negative count', 'store.json', (text: string) => text.replace('"count":1', '"count":-1')],
    ['a shortened segment', 'segment-000000.bin', (text: string) => text.slice(0, -3)],
    ['a damaged segment', 'segment-000000.bin', (text: string) => text.replace('text of', 'lies of')],
  ])('refuses %s', async (_, name, change) => {
    const folder = newFolder()
    await (await fileStore(folder, { dimensions: 1 })).add([record('a', [1])])
    const path = join(folder, name)
    writeFileSync(path, change(readFileSync(path, 'latin1')), 'latin1')
    expect(await rejection(fileStore(folder, { dimensions: 1 }))).toMatchObject({ code: 'store' })
  })

  it('refuses any damage to its manifest with a typed error, or is not changed by it', async () => {
    const folder = newFolder()
    await (await fileStore(folder, { dimensions: 1 })).add([record('a', [1])])
    const path = join(folder, 'store.json')
    const manifest = readFileSync(path)
    const random = seeded(5)
    for (let i = 0; i < 100; i++) {
      const damaged = Buffer.from(manifest)
      damaged[Math.floor(random() * damaged.length)]! ^= 1 << Math.floor(random() * 8)
      writeFileSync(path, damaged)
      const error = await rejection(fileStore(folder, { dimensions: 1 }))
      expect(error === undefined || isRagError(error)).toBe(true)
    }
  })

  it('says so when the folder cannot be written', async ({ skip }) => {
    skip(process.getuid?.() === 0, 'root may write everywhere')
    const folder = newFolder()
    mkdirSync(folder)
    const store = await fileStore(folder, { dimensions: 1 })
    chmodSync(folder, 0o500)
    expect(await rejection(store.add([record('a', [1])]))).toMatchObject({ code: 'file' })
    expect(await store.count()).toBe(0)
    chmodSync(folder, 0o700)
  })
})
