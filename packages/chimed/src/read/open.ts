import { createReadStream, statSync } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { Decompress } from 'fzstd'
import { ChimedError } from '../errors'
import { detectEncoding, malformedMark, markingDecoder, saysNothing, type TextEncoding } from './encoding'

const chunkBytes = 1 << 20

/** Options of every text reader. */
export interface OpenOptions {
  /** Encoding of the text; found from the first bytes when absent. */
  readonly encoding?: TextEncoding | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * The bytes of a file in chunks, unpacked when it is gzip or zstd (recognised by its first bytes, not by its name).
 *
 * @throws ChimedError `file-missing`, `file-empty`, `file-truncated` (a packed file that ends early or is damaged)
 */
export async function* openBytes(path: string, { signal }: OpenOptions = {}): AsyncGenerator<Buffer> {
  requireFile(path)
  const source = createReadStream(path, { highWaterMark: chunkBytes, signal })[
    Symbol.asyncIterator
  ]() as AsyncIterator<Buffer>
  const first = await source.next()
  const chunks = first.done ? empty() : chain(first.value, source)
  const magic = first.done ? 0 : first.value.readUIntBE(0, Math.min(4, first.value.length))
  try {
    if (!first.done && first.value[0] === 0x1f && first.value[1] === 0x8b) yield* gunzip(chunks)
    else if (magic === 0x28b52ffd) yield* unzstd(chunks)
    else yield* chunks
  } catch (error) {
    throw damaged(path, error)
  }
}

/** The text of a file in decoded chunks, without its byte order mark. Malformed bytes become `malformedMark`. */
export async function* openText(path: string, options: OpenOptions = {}): AsyncGenerator<string> {
  let decode: ReturnType<typeof markingDecoder> | undefined
  for await (let chunk of openBytes(path, options)) {
    if (!decode && !options.encoding && saysNothing(chunk)) {
      yield chunk.toString('latin1')
      continue
    }
    if (!decode) {
      const found = detectEncoding(chunk)
      decode = markingDecoder(options.encoding ?? found.encoding)
      chunk = chunk.subarray(found.bomBytes)
    }
    yield decode(chunk)
  }
  const rest = decode?.(Buffer.alloc(0), true)
  if (rest) yield rest
}

/** The bytes of a text file as UTF-8 without byte order mark, whatever its encoding is. Malformed bytes stay malformed. */
export async function* openUtf8(path: string, options: OpenOptions = {}): AsyncGenerator<Buffer> {
  let decode: ReturnType<typeof markingDecoder> | undefined
  let first = true
  for await (const chunk of openBytes(path, options)) {
    let bytes = chunk
    if (first && (options.encoding || !saysNothing(chunk))) {
      const found = detectEncoding(chunk)
      const encoding = options.encoding ?? found.encoding
      if (encoding !== 'utf-8') decode = markingDecoder(encoding)
      bytes = chunk.subarray(found.bomBytes)
      first = false
    }
    yield decode ? utf8Bytes(decode(bytes)) : bytes
  }
  const rest = decode?.(Buffer.alloc(0), true)
  if (rest) yield utf8Bytes(rest)
}

/** UTF-8 in which a malformed mark is a byte that no UTF-8 holds. */
function utf8Bytes(text: string): Buffer {
  if (!text.includes(malformedMark)) return Buffer.from(text)
  return Buffer.concat(
    text
      .split(malformedMark)
      .flatMap((part, index) => (index === 0 ? [Buffer.from(part)] : [Buffer.of(0xff), Buffer.from(part)])),
  )
}

/** The whole text of a file; malformed bytes become U+FFFD. */
export async function readText(path: string, options: OpenOptions = {}): Promise<string> {
  let text = ''
  for await (const chunk of openText(path, options)) text += chunk
  return text.replaceAll(malformedMark, '\ufffd')
}

/**
 * Stops when there is nothing to read at `path`.
 *
 * @throws ChimedError `file-missing`, `file-empty`
 */
export function requireFile(path: string, reader = 'openBytes'): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found?.isFile())
    throw new ChimedError(
      'file-missing',
      `${reader}: expected a file, got ${found ? 'a folder' : 'nothing'} at ${path}. Check the path.`,
      { path },
    )
  if (found.size === 0)
    throw new ChimedError('file-empty', `${reader}: expected data, got an empty file ${path}. Fetch it again.`, {
      path,
    })
}

async function* empty(): AsyncGenerator<Buffer> {}

async function* chain(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield first
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.()
  }
}

async function* gunzip(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const unpack = createGunzip({ chunkSize: 1 << 18 })
  const pump = (async () => {
    for await (const chunk of chunks) {
      if (unpack.destroyed) return
      if (!unpack.write(chunk)) await new Promise<void>((resolve) => settle(unpack, resolve))
    }
    unpack.end()
  })()
  pump.catch((error) => unpack.destroy(error))
  try {
    yield* unpack as AsyncIterable<Buffer>
  } finally {
    unpack.destroy()
    await pump.catch(() => {})
  }
}

/** Calls `done` once the stream can take more or is gone. */
function settle(stream: NodeJS.EventEmitter, done: () => void): void {
  const events = ['drain', 'close', 'error']
  const once = (): void => {
    for (const event of events) stream.off(event, once)
    done()
  }
  for (const event of events) stream.on(event, once)
}

async function* unzstd(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let ready: Buffer[] = []
  const unpack = new Decompress((data) => {
    if (data.length > 0) ready.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
  })
  for await (const chunk of chunks) {
    unpack.push(new Uint8Array(chunk))
    yield* ready
    ready = []
  }
  unpack.push(new Uint8Array(0), true)
  yield* ready
}

function damaged(path: string, error: unknown): unknown {
  const { code, message } = error as { code?: unknown; message?: string }
  const packed =
    (typeof code === 'string' && code.startsWith('Z_')) ||
    typeof code === 'number' ||
    /unexpected EOF|invalid zstd/i.test(message ?? '')
  if (!packed) return error
  return new ChimedError(
    'file-truncated',
    `openBytes: expected a whole packed file, got one that ends early or is damaged (${message}) at ${path}. Fetch it again.`,
    { path, cause: error },
  )
}
