import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { RagError } from '../errors'
import { fileError } from './write'

/** How the bytes of a file are read; `auto` tells UTF-8, UTF-16 (by its mark) and GB18030 apart. */
export type TextEncoding = 'auto' | 'utf-8' | 'utf-16le' | 'utf-16be' | 'gb18030'

/**
 * The text of a file, in pieces, without a byte order mark; names that end in `.gz` are unpacked. With `auto` the first
 * 64 KiB that are not plain ASCII decide: UTF-8 when they are that throughout, GB18030 otherwise.
 *
 * @throws RagError (`encoding`) for bytes that the encoding does not have, or a NUL character; (`file`) when it cannot be read
 */
export async function* decodedText(operation: string, path: string, encoding: TextEncoding): AsyncGenerator<string> {
  let decoder = encoding === 'auto' ? undefined : new TextDecoder(encoding, { fatal: true })
  let done = 0
  const decode = (bytes: Uint8Array | undefined): string => {
    try {
      const text = decoder === undefined ? ascii(bytes!) : decoder.decode(bytes, { stream: bytes !== undefined })
      if (!text.includes('\0')) return text
      throw new TypeError('a NUL character')
    } catch (cause) {
      throw encodingError(operation, path, decoder?.encoding ?? 'ascii', done, cause)
    }
  }
  for await (const bytes of bytesOf(operation, path)) {
    decoder ??= detected(bytes, done)
    yield decode(bytes)
    done += bytes.length
  }
  if (decoder !== undefined) yield decode(undefined)
}

/** Lines of a file with their numbers from 1, without line ends (`\n` or `\r\n`). */
export async function* decodedLines(
  operation: string,
  path: string,
  encoding: TextEncoding,
): AsyncGenerator<{ readonly line: number; readonly text: string }> {
  let line = 1
  let open: string[] = []
  for await (const piece of decodedText(operation, path, encoding)) {
    const [first, ...rest] = piece.split('\n')
    open.push(first!)
    for (const next of rest) {
      yield { line: line++, text: withoutReturn(open.join('')) }
      open = [next]
    }
  }
  const last = withoutReturn(open.join(''))
  if (last !== '') yield { line, text: last }
}

const withoutReturn = (text: string): string => (text.endsWith('\r') ? text.slice(0, -1) : text)

async function* bytesOf(operation: string, path: string): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: 65_536 })
  try {
    if (!path.endsWith('.gz')) yield* file
    else {
      const unpacked = createGunzip()
      const piped = pipeline(file, unpacked).catch(() => undefined)
      yield* unpacked
      await piped
    }
  } catch (cause) {
    throw fileError(operation, 'a readable file', path, cause)
  } finally {
    file.destroy()
  }
}

/** The decoder that fits the first telling bytes of a file; undefined while all of them are plain ASCII. */
function detected(bytes: Uint8Array, done: number): InstanceType<typeof TextDecoder> | undefined {
  if (done === 0 && bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le', { fatal: true })
  if (done === 0 && bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be', { fatal: true })
  if (isAscii(bytes)) return undefined
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    return new TextDecoder('utf-8', { fatal: true })
  } catch {
    return new TextDecoder('gb18030', { fatal: true })
  }
}

const isAscii = (bytes: Uint8Array): boolean => bytes.every((byte) => byte < 0x80)
const ascii = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes)

const encodingError = (operation: string, path: string, encoding: string, done: number, cause: unknown): RagError =>
  new RagError(
    'encoding',
    `${operation}: expected text in ${encoding} in ${path}, got ${(cause as Error).message} at or after byte ${done}. Name the file's encoding, or leave the file out if it is no text.`,
    { operation, path, cause },
  )
