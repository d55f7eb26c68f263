import { openBytes } from '../read/open'
import { type ArchiveEntry, damagedArchive, noContent, unsupportedArchive } from './entry'

const block = 512

/** Entries of a tar file, packed by gzip or zstd or not: ustar, GNU long names, pax headers. It is read once from front to back. */
export async function* tarEntries(path: string): AsyncGenerator<ArchiveEntry> {
  const input = byteReader(openBytes(path), path)
  let long: { name?: string; target?: string } = {}
  let pax: Record<string, string> = {}
  for (;;) {
    const header = await input.take(block, 'at the end of an entry')
    if (header === undefined) return
    if (header.every((byte) => byte === 0)) return input.drain()
    if (!hasChecksum(header))
      throw input.position() === block
        ? unsupportedArchive(path, 'another format')
        : damagedArchive(path, 'a header with a wrong checksum')
    const size = pax.size === undefined ? number(header, 124, 12) : Number(pax.size)
    if (!Number.isSafeInteger(size) || size < 0) throw damagedArchive(path, 'an entry without a size')
    const type = String.fromCharCode(header[156]!)
    const padding = (block - (size % block)) % block
    if (type === 'L' || type === 'K' || type === 'x' || type === 'g') {
      const value = await input.take(size, 'inside a header')
      if (!value) throw damagedArchive(path, 'it ends inside a header')
      await input.skip(padding)
      if (type === 'L') long = { ...long, name: text(value) }
      else if (type === 'K') long = { ...long, target: text(value) }
      else if (type === 'x') pax = paxFields(value)
      continue
    }
    let left = size
    const content = async function* (): AsyncGenerator<Uint8Array> {
      while (left > 0) {
        const chunk = await input.some(left)
        left -= chunk.length
        yield chunk
      }
    }
    const name = pax.path ?? long.name ?? headerName(header)
    const target = pax.linkpath ?? long.target ?? text(header.subarray(157, 257))
    yield entry(type, name, target, content)
    await input.skip(left + padding)
    long = {}
    pax = {}
  }
}

function entry(type: string, name: string, target: string, content: ArchiveEntry['content']): ArchiveEntry {
  if (type === '1' || type === '2') return { kind: 'link', name, target, hard: type === '1', content: noContent }
  if (type === '5' || name.endsWith('/')) return { kind: 'folder', name, content: noContent }
  if (type === '0' || type === '\0' || type === '7') return { kind: 'file', name, content }
  return { kind: 'other', name, content: noContent }
}

/** The name of a ustar header may be split in two. */
function headerName(header: Uint8Array): string {
  const name = text(header.subarray(0, 100))
  const prefix = text(header.subarray(257, 262)) === 'ustar' ? text(header.subarray(345, 500)) : ''
  return prefix === '' ? name : `${prefix}/${name}`
}

const text = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0)
  return Buffer.from(bytes.subarray(0, end < 0 ? bytes.length : end)).toString()
}

/** Octal digits, or (for large files) a big-endian number whose first bit is set. */
function number(header: Uint8Array, at: number, length: number): number {
  const bytes = header.subarray(at, at + length)
  if (bytes[0]! & 0x80) return bytes.reduce((sum, byte, index) => sum * 256 + (index === 0 ? byte & 0x7f : byte), 0)
  return Number.parseInt(text(bytes).trim() || '0', 8)
}

/** The sum of the bytes of a header, its own field counted as blanks. */
function hasChecksum(header: Uint8Array): boolean {
  const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0)
  return sum === number(header, 148, 8)
}

/** Records `length key=value\n`; the length counts bytes. */
function paxFields(value: Uint8Array): Record<string, string> {
  const fields: Record<string, string> = {}
  for (let at = 0; at < value.length; ) {
    const blank = value.indexOf(0x20, at)
    const length = Number(Buffer.from(value.subarray(at, blank)).toString())
    if (!(length > 0)) break
    const field = Buffer.from(value.subarray(blank + 1, at + length - 1)).toString()
    const equals = field.indexOf('=')
    fields[field.slice(0, equals)] = field.slice(equals + 1)
    at += length
  }
  return fields
}

interface ByteReader {
  /** Exactly `length` bytes; undefined when the stream has ended before the first. */
  take(length: number, where: string): Promise<Uint8Array | undefined>
  /** Between one and `most` bytes. */
  some(most: number): Promise<Uint8Array>
  skip(length: number): Promise<void>
  /** Reads on to the end, where a packed file shows whether it is whole. */
  drain(): Promise<void>
  position(): number
}

/** Bytes of a stream in pieces of any size. Headers are small; longer ones than 1 MiB are damage. */
function byteReader(chunks: AsyncGenerator<Uint8Array>, path: string): ByteReader {
  let held: Uint8Array = new Uint8Array(0)
  let position = 0
  const more = async (): Promise<boolean> => {
    if (held.length > 0) return true
    const next = await chunks.next()
    if (next.done) return false
    held = next.value
    return held.length > 0 || more()
  }
  const some = async (most: number): Promise<Uint8Array> => {
    if (!(await more())) throw damagedArchive(path, 'it ends inside a file')
    const piece = held.subarray(0, most)
    held = held.subarray(piece.length)
    position += piece.length
    return piece
  }
  return {
    some,
    position: () => position,
    take: async (length, where) => {
      if (length > 1 << 20) throw damagedArchive(path, 'a header of more than 1 MiB')
      if (length > 0 && !(await more())) return undefined
      const pieces: Uint8Array[] = []
      for (let left = length; left > 0; ) {
        if (!(await more())) throw damagedArchive(path, `it ends ${where}`)
        const piece = await some(left)
        pieces.push(piece)
        left -= piece.length
      }
      return Buffer.concat(pieces)
    },
    drain: async () => {
      for await (const _ of chunks);
    },
    skip: async (length) => {
      for (let left = length; left > 0; ) left -= (await some(left)).length
    },
  }
}
