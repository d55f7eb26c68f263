import { isUtf8 } from 'node:buffer'
import { type FileHandle, open } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { TextDecoder } from 'node:util'
import { crc32, createInflateRaw } from 'node:zlib'
import { type ArchiveEntry, damagedArchive, noContent, unsupportedArchive } from './entry'

/** Entries of a zip file in the order of its directory, ZIP64 included. Names without the UTF-8 flag are read as UTF-8 or else as GB18030. */
export async function* zipEntries(path: string): AsyncGenerator<ArchiveEntry> {
  const file = await open(path, 'r')
  try {
    const { offset, size, count } = await directoryOf(file, path)
    const directory = await bytesAt(file, path, offset, size)
    let at = 0
    for (let index = 0; index < count; index++) {
      const header = centralHeader(directory, at, path)
      yield await zipEntry(file, path, header)
      at = header.end
    }
  } finally {
    await file.close()
  }
}

interface Directory {
  readonly offset: number
  readonly size: number
  readonly count: number
}

/** The record at the end of the file says where the directory lies; a comment may follow it. */
async function directoryOf(file: FileHandle, path: string): Promise<Directory> {
  const { size } = await file.stat()
  const tailSize = Math.min(size, 22 + 0xffff)
  const tail = await bytesAt(file, path, size - tailSize, tailSize)
  let at = tail.length - 22
  while (at >= 0 && tail.readUInt32LE(at) !== 0x06054b50) at--
  if (at < 0) throw damagedArchive(path, 'no directory at its end')
  const [count, directorySize, offset] = [
    tail.readUInt16LE(at + 10),
    tail.readUInt32LE(at + 12),
    tail.readUInt32LE(at + 16),
  ]
  if (count !== 0xffff && directorySize !== 0xffffffff && offset !== 0xffffffff)
    return { offset, size: directorySize, count }
  const locator = at - 20
  if (locator < 0 || tail.readUInt32LE(locator) !== 0x07064b50) throw damagedArchive(path, 'no ZIP64 directory')
  const record = await bytesAt(file, path, Number(tail.readBigUInt64LE(locator + 8)), 56)
  if (record.readUInt32LE(0) !== 0x06064b50) throw damagedArchive(path, 'no ZIP64 directory')
  return {
    count: Number(record.readBigUInt64LE(32)),
    size: Number(record.readBigUInt64LE(40)),
    offset: Number(record.readBigUInt64LE(48)),
  }
}

interface CentralHeader {
  readonly name: string
  readonly flags: number
  readonly method: number
  readonly crc: number
  readonly packed: number
  readonly size: number
  readonly offset: number
  /** Unix mode, 0 where another system wrote the file. */
  readonly mode: number
  readonly end: number
}

function centralHeader(directory: Buffer, at: number, path: string): CentralHeader {
  if (at + 46 > directory.length || directory.readUInt32LE(at) !== 0x02014b50)
    throw damagedArchive(path, 'a directory that ends early')
  const [nameSize, extraSize, commentSize] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field)) as [
    number,
    number,
    number,
  ]
  const end = at + 46 + nameSize + extraSize + commentSize
  if (end > directory.length) throw damagedArchive(path, 'a directory that ends early')
  const flags = directory.readUInt16LE(at + 8)
  const wide = zip64Fields(directory.subarray(at + 46 + nameSize, at + 46 + nameSize + extraSize))
  const field = (offset: number): number => {
    const value = directory.readUInt32LE(at + offset)
    return value === 0xffffffff ? (wide.shift() ?? value) : value
  }
  const size = field(24)
  const packed = field(20)
  const offset = field(42)
  return {
    name: nameOf(directory.subarray(at + 46, at + 46 + nameSize), flags),
    flags,
    method: directory.readUInt16LE(at + 10),
    crc: directory.readUInt32LE(at + 16),
    packed,
    size,
    offset,
    mode: directory[at + 5] === 3 ? directory.readUInt32LE(at + 38) >>> 16 : 0,
    end,
  }
}

/** 64-bit numbers that stand for fields which are all ones, in the order size, packed size, offset. */
function zip64Fields(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    const size = extra.readUInt16LE(at + 2)
    if (extra.readUInt16LE(at) !== 1 || at + 4 + size > extra.length) continue
    return Array.from({ length: Math.floor(size / 8) }, (_, index) => Number(extra.readBigUInt64LE(at + 4 + 8 * index)))
  }
  return []
}

const nameOf = (bytes: Buffer, flags: number): string =>
  flags & 0x800 || isUtf8(bytes) ? bytes.toString() : new TextDecoder('gb18030').decode(bytes)

async function zipEntry(file: FileHandle, path: string, header: CentralHeader): Promise<ArchiveEntry> {
  const { name, flags, method, mode } = header
  if (name.endsWith('/')) return { kind: 'folder', name, content: noContent }
  if (flags & 1) throw unsupportedArchive(path, `an entry with a password (${name})`)
  if (method !== 0 && method !== 8) throw unsupportedArchive(path, `compression method ${method} (${name})`)
  const content = (): AsyncGenerator<Uint8Array> => entryContent(file, path, header)
  if ((mode & 0o170000) !== 0o120000) return { kind: 'file', name, content }
  let target = ''
  for await (const chunk of content()) target += Buffer.from(chunk).toString()
  return { kind: 'link', name, target, hard: false, content: noContent }
}

async function* entryContent(file: FileHandle, path: string, header: CentralHeader): AsyncGenerator<Uint8Array> {
  const { name, offset, method, size, crc } = header
  const local = await bytesAt(file, path, offset, 30)
  if (local.readUInt32LE(0) !== 0x04034b50) throw damagedArchive(path, `no header of ${name}`)
  const start = offset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28)
  let sum = 0
  let read = 0
  const packed = packedBytes(file, path, start, header.packed)
  try {
    for await (const chunk of method === 0 ? packed : inflated(packed)) {
      read += chunk.length
      if (read > size) throw damagedArchive(path, `${name} is longer than the directory says`)
      sum = crc32(chunk, sum)
      yield chunk
    }
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    throw code?.startsWith('Z_') ? damagedArchive(path, `${name}: ${message}`, error) : error
  }
  if (read !== size || sum !== crc) throw damagedArchive(path, `${name} does not have its checksum`)
}

async function* packedBytes(file: FileHandle, path: string, start: number, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < size; ) {
    const chunk = await bytesAt(file, path, start + at, Math.min(1 << 18, size - at))
    at += chunk.length
    yield chunk
  }
}

async function* inflated(packed: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  const unpack = createInflateRaw({ chunkSize: 1 << 18 })
  pipeline(Readable.from(packed), unpack, () => {}) // its failures reach the loop that reads `unpack`
  yield* unpack as AsyncIterable<Uint8Array>
}

async function bytesAt(file: FileHandle, path: string, at: number, size: number): Promise<Buffer> {
  if (!Number.isSafeInteger(at) || !Number.isSafeInteger(size) || at < 0 || size < 0 || size > 1 << 30)
    throw damagedArchive(path, 'a place outside the file')
  const buffer = Buffer.alloc(size)
  const { bytesRead } = await file.read(buffer, 0, size, at)
  if (bytesRead < size) throw damagedArchive(path, 'it ends early')
  return buffer
}
