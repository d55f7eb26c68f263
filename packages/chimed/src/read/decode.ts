import { instantiate } from '../wasm-host'
import { decodeWasm } from './decode.wasm'
import { textDecoder } from './encoding'

interface Exports {
  utf8(from: number, end: number, to: number): number
  gb18030(from: number, end: number, table: number, to: number, result: number): number
}

/** A function that gives the text of valid UTF-8, several times as fast as `TextDecoder` where it is Chinese. */
export function utf8Decoder(): (bytes: Uint8Array) => string {
  const room = kernelRoom()
  return (bytes) => {
    const { buffer, end, to } = room.put(bytes)
    let stop = to
    for (let at = 0; at < bytes.length; ) {
      const next = Math.min(bytes.length, wholeUtf8(bytes, at + callBytes))
      stop = room.kernel.utf8(inputAt + at, inputAt + next, stop)
      at = next
    }
    const isAscii = stop - to === 2 * bytes.length
    return isAscii ? buffer.toString('latin1', inputAt, end) : buffer.toString('utf16le', to, stop)
  }
}

/**
 * A streaming decoder of GB18030 with the results of `TextDecoder`. ASCII and two-byte sequences, which is nearly all there is, are decoded by
 * table; from the first malformed byte on `TextDecoder`
 * takes over, in whole calls: its streaming fails on some malformed bytes.
 */
export function gb18030Decoder(): (bytes: Uint8Array, last?: boolean) => string {
  const decoder = textDecoder('gb18030')
  const room = kernelRoom()
  room.load(twoByteUnits())
  let held: Uint8Array = new Uint8Array(0)
  let malformed = false

  /** Text of a four-byte sequence, or undefined when the bytes are none. */
  const fourBytes = (bytes: Uint8Array): string | undefined => {
    const text = bytes.length === 4 && isFourByte(bytes) ? decoder.decode(bytes) : '\ufffd'
    return text === '\ufffd' ? undefined : text
  }

  /** Text of bytes from the beginning of a sequence to a byte that no sequence ends behind; the rest is held. */
  const decodeSlowly = (bytes: Uint8Array, last: boolean): string => {
    const end = last ? bytes.length : bytes.findLastIndex((byte) => byte < 0x30) + 1
    held = bytes.slice(end)
    return decoder.decode(bytes.subarray(0, end))
  }

  return (bytes, last = false) => {
    const all = held.length > 0 ? Buffer.concat([held, bytes]) : bytes
    if (malformed) return decodeSlowly(all, last)
    held = new Uint8Array(0)
    const { buffer, to } = room.put(all)
    let out = to
    for (let at = 0; at < all.length; ) {
      const stop = Math.min(at + callBytes, all.length)
      at = room.kernel.gb18030(inputAt + at, inputAt + stop, tableAt, out, resultAt) - inputAt
      out = buffer.readUInt32LE(resultAt)
      if (at === stop || (at + 1 === stop && stop < all.length)) continue
      const odd = all.subarray(at, at + 4)
      if (!last && (odd.length === 1 || (odd.length < 4 && isFourByte(odd)))) {
        held = odd.slice()
        break
      }
      const text = fourBytes(odd)
      if (text === undefined) {
        malformed = true
        return buffer.toString('utf16le', to, out) + decodeSlowly(all.subarray(at), last)
      }
      out += buffer.write(text, out, 'utf16le')
      at += 4
    }
    return buffer.toString('utf16le', to, out)
  }
}

/** True when the bytes are, or begin, a four-byte sequence. */
const isFourByte = (bytes: Uint8Array): boolean =>
  bytes.every((byte, index) => (index % 2 === 0 ? byte >= 0x81 && byte <= 0xfe : byte >= 0x30 && byte <= 0x39))

/** The beginning of a character of UTF-8 at `at` or before. */
function wholeUtf8(bytes: Uint8Array, at: number): number {
  while ((bytes[at]! & 0xc0) === 0x80) at--
  return at
}

/** Bytes of a call: V8 replaces the baseline code of a function between calls only. */
const callBytes = 1 << 14

/** Addresses: the table of two-byte sequences (a unit for each 16 bits), a result, and what is decoded. */
const tableAt = 0
const resultAt = 0x20000
const inputAt = resultAt + 16

/** A kernel and its memory; `put` copies input to `inputAt` and says where it ends and where the output goes. */
function kernelRoom(): {
  readonly kernel: Exports
  /** Puts the table in its place. */
  load(table: Uint16Array): void
  put(bytes: Uint8Array): { readonly buffer: Buffer; readonly end: number; readonly to: number }
} {
  const { memory, exports: kernel } = instantiate<Exports>(decodeWasm, 4)
  let buffer = Buffer.from(memory.buffer)
  return {
    kernel,
    load: (table) => buffer.set(new Uint8Array(table.buffer), tableAt),
    put: (bytes) => {
      const end = inputAt + bytes.length
      const to = Math.ceil((end + 16) / 16) * 16
      const missing = to + bytes.length * 2 + 32 - memory.buffer.byteLength
      if (missing > 0) {
        memory.grow(Math.ceil(missing / 65536))
        buffer = Buffer.from(memory.buffer)
      }
      buffer.set(bytes, inputAt)
      return { buffer, end, to }
    },
  }
}

/** The unit of each two-byte sequence of GB18030 by its bytes, little-endian; 0 where `TextDecoder` knows none. */
function twoByteUnits(): Uint16Array {
  const sequences: number[] = []
  for (let first = 0x81; first <= 0xfe; first++)
    for (let second = 0x40; second <= 0xfe; second++) if (second !== 0x7f) sequences.push(first, second, 0x0a)
  const units = new Uint16Array(0x10000)
  for (const [index, text] of textDecoder('gb18030').decode(Uint8Array.from(sequences)).split('\n').entries())
    if (text.length === 1 && text !== '\ufffd')
      units[sequences[3 * index]! | (sequences[3 * index + 1]! << 8)] = text.charCodeAt(0)
  return units
}
