import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { memoryStore } from '../dense/memory-store'
import { normalised } from '../dense/normalise'
import type { VectorRecord, VectorStore } from '../dense/vector-store'
import { crc32 } from '../documents/crc32'
import { refuseSplits } from '../documents/split-guard'
import { documentLine, parseDocument, parseObject } from '../documents/stored'
import { RagError, shown } from '../errors'
import { fileError, writeWhole } from './write'

/** Options of `fileStore`. */
export interface FileStoreOptions {
  readonly dimensions: number
  /** Name of the embedder; when given, a folder filled by another one is refused. */
  readonly embedder?: string | undefined
}

/** What happened to the store, in order: records were added, or ids removed. */
type Entry =
  | { readonly add: string; readonly count: number; readonly bytes: number; readonly crc32: number }
  | { readonly remove: readonly string[] }

interface Manifest {
  readonly version: 1
  readonly dimensions: number
  readonly embedder: string | null
  readonly log: readonly Entry[]
}

const manifestName = 'store.json'
const operation = 'fileStore'

/**
 * A store in a folder, held in memory while it is open. Every change is on disk when its promise resolves: new records as
 * a segment file, then the manifest that lists it, each written whole or not at all. A segment that a killed process did
 * not live to list is overwritten by the next one. One process at a time may write.
 *
 * @throws RagError (`file`) when the folder cannot be read or written, (`store`) when it holds a store of other dimensions
 *   or embedder, or one that is damaged
 */
export async function fileStore(folder: string, { dimensions, embedder }: FileStoreOptions): Promise<VectorStore> {
  const memory = memoryStore({ dimensions })
  let manifest = await openManifest(folder, dimensions, embedder)
  for (const entry of manifest.log)
    if ('remove' in entry) await memory.remove(entry.remove)
    else await memory.add(decodeSegment(await readSegment(folder, entry), entry, dimensions))
  let queue: Promise<unknown> = Promise.resolve()

  /** Runs changes one after the other; a failed one does not stop the next. */
  const inTurn = <T>(change: () => Promise<T>): Promise<T> => {
    const result = queue.then(change)
    queue = result.catch(() => undefined)
    return result
  }
  const record = async (entry: Entry): Promise<void> => {
    const next = { ...manifest, log: [...manifest.log, entry] }
    await writeWhole(operation, join(folder, manifestName), new TextEncoder().encode(`${JSON.stringify(next)}\n`))
    manifest = next
  }

  return {
    dimensions,
    add: (records) =>
      inTurn(async () => {
        if (records.length === 0) return
        refuseSplits(
          operation,
          records.map(({ document }) => document),
        )
        const bytes = encodeSegment(records, dimensions)
        const name = segmentName(manifest.log.length)
        await writeWhole(operation, join(folder, name), bytes)
        await record({ add: name, count: records.length, bytes: bytes.length, crc32: crc32(bytes) })
        await memory.add(records)
      }),
    remove: (ids) =>
      inTurn(async () => {
        if (ids.length > 0) await record({ remove: [...ids] })
        return memory.remove(ids)
      }),
    search: (vector, options) => memory.search(vector, options),
    count: () => memory.count(),
  }
}

const segmentName = (number: number): string => `segment-${String(number).padStart(6, '0')}.bin`
const isSegmentName = (name: unknown): name is string => typeof name === 'string' && /^segment-\d{6,}\.bin$/.test(name)

async function openManifest(folder: string, dimensions: number, embedder?: string): Promise<Manifest> {
  const path = join(folder, manifestName)
  await mkdir(folder, { recursive: true }).catch((cause) => {
    throw fileError(operation, 'a folder', folder, cause)
  })
  const json = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined
    throw fileError(operation, 'a readable manifest', path, cause)
  })
  if (json === undefined) return { version: 1, dimensions, embedder: embedder ?? null, log: [] }
  const manifest = parseObject(json)
  if (manifest === undefined || !isManifest(manifest)) throw damaged(path, 'a manifest of version 1', 'something else')
  if (manifest.dimensions !== dimensions) throw differs(folder, 'dimensions', dimensions, manifest.dimensions)
  if (embedder !== undefined && manifest.embedder !== null && manifest.embedder !== embedder)
    throw differs(folder, 'embedder', embedder, manifest.embedder)
  return { ...manifest, embedder: manifest.embedder ?? embedder ?? null }
}

function isManifest(value: Record<string, unknown>): value is Record<string, unknown> & Manifest {
  const { version, dimensions, embedder, log } = value
  return (
    version === 1 &&
    Number.isSafeInteger(dimensions) &&
    (embedder === null || typeof embedder === 'string') &&
    Array.isArray(log) &&
    log.every(isEntry)
  )
}

function isEntry(entry: Record<string, unknown> | null): boolean {
  if (entry === null || typeof entry !== 'object') return false
  if ('remove' in entry) return Array.isArray(entry.remove) && entry.remove.every((id) => typeof id === 'string')
  const sizes = [entry.count, entry.bytes, entry.crc32]
  return isSegmentName(entry.add) && sizes.every((size) => Number.isSafeInteger(size) && (size as number) >= 0)
}

/** The vectors (float32, little-endian), then the documents as JSON, one a line. */
function encodeSegment(records: readonly VectorRecord[], dimensions: number): Uint8Array {
  const vectors = new Float32Array(records.length * dimensions)
  records.forEach(({ document, vector }, i) => {
    vectors.set(normalised(operation, vector, dimensions, document.id), i * dimensions)
  })
  const lines = new TextEncoder().encode(records.map(({ document }) => `${documentLine(document)}\n`).join(''))
  const segment = new Uint8Array(vectors.byteLength + lines.length)
  segment.set(new Uint8Array(vectors.buffer))
  segment.set(lines, vectors.byteLength)
  return segment
}

type Added = Extract<Entry, { add: string }>

function decodeSegment(bytes: Uint8Array, { add, count }: Added, dimensions: number): VectorRecord[] {
  const vectorBytes = 4 * count * dimensions
  if (vectorBytes > bytes.length)
    throw damaged(add, `${count} vectors of ${dimensions} values`, `${bytes.length} bytes`)
  const vectors = new Float32Array(bytes.slice(0, vectorBytes).buffer)
  const lines = new TextDecoder().decode(bytes.subarray(vectorBytes)).split('\n').slice(0, -1)
  if (lines.length !== count) throw damaged(add, `${count} documents`, `${lines.length}`)
  return lines.map((line, i) => {
    const document = parseDocument(line)
    if (document === undefined) throw damaged(add, 'documents, one a line', shown(line))
    return { document, vector: vectors.slice(i * dimensions, (i + 1) * dimensions) }
  })
}

async function readSegment(folder: string, { add, bytes, crc32: expected }: Added): Promise<Uint8Array> {
  const path = join(folder, add)
  const content = await readFile(path).catch((cause) => {
    throw fileError(operation, 'the segment that the manifest lists', path, cause)
  })
  if (content.length !== bytes) throw damaged(path, `${bytes} bytes`, `${content.length}`)
  if (crc32(content) !== expected) throw damaged(path, 'an undamaged segment', 'one whose checksum differs')
  return new Uint8Array(content)
}

const damaged = (path: string, expected: string, got: string): RagError =>
  new RagError(
    'store',
    `${operation}: expected ${expected} in ${path}, got ${got}. Fill the store again in a new folder.`,
    {
      operation,
      path,
    },
  )

const differs = (folder: string, what: string, ours: unknown, theirs: unknown): RagError =>
  new RagError(
    'store',
    `${operation}: expected a store with ${what} ${shown(ours)} in ${folder}, got ${shown(theirs)}. Use the embedder that filled it, or another folder.`,
    { operation, path: folder },
  )
