import { SafetensorsError } from './errors'
import { type Header, parseHeader } from './header'
import { checkHeaderSize, entryOf, type StoredTensor, tensorOf } from './layout'

/** A safetensors file without a file system: its bytes, a `Blob` or `File`, or an address that is read in ranges. */
export type SafetensorsSource = Uint8Array | ArrayBuffer | Blob | URL | string

/** How an address is read. */
export interface OpenOptions {
  /** Default: the one of the page; pass your own for headers or a cache. */
  readonly fetch?: typeof globalThis.fetch
  readonly signal?: AbortSignal
}

/** A safetensors file whose header was read and checked. */
export interface OpenedSafetensors extends Header {
  /** The address, or what kind of source it is; for errors. */
  readonly path: string
  /**
   * One tensor, read from its byte range alone: an array for `upload`, or for `constant` in a program.
   *
   * @throws SafetensorsError `unknown-tensor`, `truncated` when the source ends early, `not-found` when it cannot be read
   */
  read(name: string): Promise<StoredTensor>
}

/**
 * The header of a safetensors file that is not on a disk. Nothing else is read, unless a server knows no ranges: then its
 * first answer is the whole file, which is kept.
 *
 * @throws SafetensorsError as `readSafetensors`, which is for files
 */
export const openSafetensors = async (
  source: SafetensorsSource,
  options: OpenOptions = {},
): Promise<OpenedSafetensors> => {
  const { path, size, range } = await rangesOf(source, options)
  const prefix = await range(0, Math.min(8, size))
  const headerBytes = size < 8 ? Number.POSITIVE_INFINITY : Number(new DataView(prefix).getBigUint64(0, true))
  checkHeaderSize(headerBytes, size, path)
  const start = 8 + headerBytes
  const header = parseHeader(new Uint8Array(await range(8, start)), size - start, path)
  const file = { path, ...header }
  const read = async (name: string): Promise<StoredTensor> => {
    const entry = entryOf(file, name)
    const bytes = await range(start + entry.begin, start + entry.end)
    const expected = entry.end - entry.begin
    if (bytes.byteLength !== expected) throw cutOff(path, name, expected, bytes.byteLength)
    return tensorOf(entry, bytes)
  }
  return { ...file, read }
}

/** Something whose bytes can be had in pieces. */
interface Ranges {
  readonly path: string
  readonly size: number
  /** A copy of the bytes from `begin` to before `end`. */
  range(begin: number, end: number): Promise<ArrayBuffer>
}

const rangesOf = (source: SafetensorsSource, options: OpenOptions): Ranges | Promise<Ranges> => {
  if (source instanceof Uint8Array) return rangesOfBytes('bytes', source)
  if (source instanceof ArrayBuffer) return rangesOfBytes('bytes', new Uint8Array(source))
  if (source instanceof Blob) return rangesOfBlob(source)
  return rangesOfAddress(String(source), options)
}

const rangesOfBytes = (path: string, bytes: Uint8Array): Ranges => ({
  path,
  size: bytes.length,
  range: async (begin, end) => bytes.slice(begin, end).buffer as ArrayBuffer,
})

const rangesOfBlob = (blob: Blob): Ranges => ({
  path: (blob as { name?: string }).name ?? 'blob',
  size: blob.size,
  range: (begin, end) => blob.slice(begin, end).arrayBuffer(),
})

const rangesOfAddress = async (path: string, options: OpenOptions): Promise<Ranges> => {
  const first = await ask(path, 'bytes=0-7', options)
  const size = Number(/^bytes 0-7\/(\d+)$/.exec(first.headers.get('content-range') ?? '')?.[1])
  const bytes = new Uint8Array(await first.arrayBuffer())
  if (first.status !== 206 || !Number.isSafeInteger(size)) return rangesOfBytes(path, bytes)
  const version = first.headers.get('etag') ?? first.headers.get('last-modified')
  return {
    path,
    size,
    range: async (begin, end) => {
      if (begin === end) return new ArrayBuffer(0)
      const answer = await ask(path, `bytes=${begin}-${end - 1}`, options)
      const now = answer.headers.get('etag') ?? answer.headers.get('last-modified')
      if (answer.status !== 206 || now !== version) throw changed(path)
      return answer.arrayBuffer()
    },
  }
}

const ask = async (
  path: string,
  range: string,
  { fetch = globalThis.fetch, signal }: OpenOptions,
): Promise<Response> => {
  const answer = await fetch(path, { headers: { range }, ...(signal && { signal }) }).catch((cause: Error) => {
    signal?.throwIfAborted()
    throw unreadable(path, cause.message, cause)
  })
  if (!answer.ok) throw unreadable(path, `status ${answer.status}`)
  return answer
}

const unreadable = (path: string, got: string, cause?: unknown): SafetensorsError =>
  new SafetensorsError(
    'not-found',
    `openSafetensors: ${path}: expected an address that can be read, got ${got}. Check it, and that the server allows this page.`,
    { path, cause },
  )

const changed = (path: string): SafetensorsError =>
  new SafetensorsError(
    'not-found',
    `openSafetensors: ${path}: expected the file whose header was read, got another version. Open it again.`,
    { path },
  )

const cutOff = (path: string, tensor: string, expected: number, got: number): SafetensorsError =>
  new SafetensorsError(
    'truncated',
    `openSafetensors: ${path}: expected ${expected} bytes, got ${got}. The file is cut off: copy or download it again.`,
    { path, tensor },
  )
