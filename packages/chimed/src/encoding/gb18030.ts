import { TextDecoder } from 'node:util'
import { ChimedError } from '../errors'

/** What becomes of malformed bytes. */
export type MalformedPolicy = 'strict' | 'replace' | 'ignore'

/** Options of `decodeGb18030`. */
export interface Gb18030Options {
  /** An error (default), U+FFFD, or nothing. */
  readonly malformed?: MalformedPolicy | undefined
}

/** The error of strict decoding; `start` and `end` are byte offsets of what is wrong. */
export class Gb18030Error extends ChimedError {
  readonly start: number
  readonly end: number
  readonly reason: string

  constructor(reason: string, start: number, end: number) {
    super(
      'file-encoding',
      `decodeGb18030: expected GB18030, got an ${reason} at bytes ${start} to ${end}. Check the encoding, or pass malformed: 'replace'.`,
    )
    this.reason = reason
    this.start = start
    this.end = end
  }
}

/**
 * Text of GB18030 bytes by the mapping of 2000, as Python's codec `gb18030` and iconv read them. It differs from the WHATWG mapping of
 * `TextDecoder` (which the readers use, for its speed) in 21 code points and in what is left of malformed sequences.
 *
 * @throws Gb18030Error under `strict`
 */
export function decodeGb18030(bytes: Uint8Array, { malformed = 'strict' }: Gb18030Options = {}): string {
  const { twoByte, fourByte } = tables()
  let text = ''
  const fault = (reason: string, start: number, end: number): void => {
    if (malformed === 'strict') throw new Gb18030Error(reason, start, end)
    if (malformed === 'replace') text += '\ufffd'
  }
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i]!
    if (first < 0x80) {
      text += String.fromCharCode(first)
      i++
      continue
    }
    const width = i + 1 < bytes.length && isDigit(bytes[i + 1]!) ? 4 : 2
    if (i + width > bytes.length) {
      fault('incomplete multibyte sequence', i, bytes.length)
      break
    }
    const code = width === 2 ? twoByteCode(twoByte, first, bytes[i + 1]!) : fourByteCode(fourByte, bytes, i)
    if (code < 0) {
      fault('illegal multibyte sequence', i, i + 1)
      i++
    } else {
      text += String.fromCodePoint(code)
      i += width
    }
  }
  return text
}

/**
 * GB18030 bytes of a text, by the mapping of 2000.
 *
 * @throws ChimedError `file-encoding` for a lone surrogate
 */
export const encodeGb18030 = (text: string): Uint8Array => encode(text, false)!

/** GBK bytes of a text, or undefined when it has a character that GBK lacks. */
export const encodeGbk = (text: string): Uint8Array | undefined => encode(text, true)

function encode(text: string, gbk: boolean): Uint8Array | undefined {
  const { codes } = tables()
  const bytes: number[] = []
  for (const character of text) {
    const code = character.codePointAt(0)!
    if (code < 0x80) {
      bytes.push(code)
      continue
    }
    if (code >= 0xd800 && code < 0xe000)
      throw new ChimedError(
        'file-encoding',
        `encodeGb18030: expected characters, got a lone surrogate U+${code.toString(16)}. Mend the text.`,
      )
    const known = code < 0x10000 ? codes.get(code)! : fourByteBase + code - 0x10000
    if (gbk && (known >= 0x10000 || code >= 0x10000 || beyondGbk(known, code))) return undefined
    if (code < 0x10000 && known < 0x10000) bytes.push(known >> 8, known & 0xff)
    else pushFour(bytes, code < 0x10000 ? known - 0x10000 : known)
  }
  return Uint8Array.from(bytes)
}

/** Two-byte codes of GB18030 that GBK does not have: user-defined areas, the euro sign, ideographic description characters, radicals. */
const beyondGbk = (bytes: number, code: number): boolean =>
  (code >= 0xe000 && code < 0xf900) ||
  bytes === 0xa2e3 ||
  bytes === 0xa2e4 ||
  bytes === 0xa8bf ||
  (bytes >= 0xa989 && bytes <= 0xa995) ||
  (bytes >= 0xfe50 && bytes <= 0xfefe)

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39

/** Four-byte sequences are numbered from 81 30 81 30; those of U+10000 and above begin at 90 30 81 30. */
const fourByteBase = 189000
const lastBmpFour = 39420

function fourByteCode(fourByte: Int32Array, bytes: Uint8Array, i: number): number {
  const [a, b, c, d] = [bytes[i]! - 0x81, bytes[i + 1]! - 0x30, bytes[i + 2]! - 0x81, bytes[i + 3]! - 0x30]
  if (a < 0 || a > 125 || c < 0 || c > 125 || d < 0 || d > 9) return -1
  const number = ((a * 10 + b) * 126 + c) * 10 + d
  if (number < lastBmpFour) return fourByte[number]!
  return number >= fourByteBase && number < fourByteBase + 0x100000 ? number - fourByteBase + 0x10000 : -1
}

function pushFour(bytes: number[], number: number): void {
  bytes.push(
    0x81 + Math.floor(number / 12600),
    0x30 + (Math.floor(number / 1260) % 10),
    0x81 + (Math.floor(number / 10) % 126),
    0x30 + (number % 10),
  )
}

function twoByteCode(twoByte: Int32Array, first: number, second: number): number {
  if (first < 0x81 || first > 0xfe || second < 0x40 || second === 0x7f || second > 0xfe) return -1
  return twoByte[(first - 0x81) * 190 + second - (second < 0x7f ? 0x40 : 0x41)]!
}

/** Where the mapping of 2000 differs from the one of WHATWG: bytes and code points, in runs. */
const mappingOf2000: readonly (readonly [bytes: number, code: number, count: number])[] = [
  [0xa3a0, 0xe5e5, 1],
  [0xa6d9, 0xe78d, 7],
  [0xa6ec, 0xe794, 2],
  [0xa6f3, 0xe796, 1],
  [0xa8bc, 0xe7c7, 1],
  [0xfe59, 0xe81e, 1],
  [0xfe61, 0xe826, 1],
  [0xfe66, 0xe82b, 2],
  [0xfe6d, 0xe832, 1],
  [0xfe7e, 0xe843, 1],
  [0xfe90, 0xe854, 1],
  [0xfea0, 0xe864, 1],
]

interface Tables {
  readonly twoByte: Int32Array
  readonly fourByte: Int32Array
  /** Code point to two bytes, or to 65536 and the number of the four bytes. */
  readonly codes: ReadonlyMap<number, number>
}

const tables = once((): Tables => {
  const twoByte = decodeEach(126 * 190, (index) => {
    const column = index % 190
    return [0x81 + Math.floor(index / 190), column + (column < 0x3f ? 0x40 : 0x41)]
  })
  const fourByte = decodeEach(lastBmpFour, (number) => {
    const bytes: number[] = []
    pushFour(bytes, number)
    return bytes
  })
  for (const [bytes, code, count] of mappingOf2000)
    for (let i = 0; i < count; i++) twoByte[twoByteIndex(bytes + i)] = code + i
  fourByte[7457] = 0x1e3f
  fourByte[39417] = 0xfffd
  const codes = new Map<number, number>()
  for (const [number, code] of fourByte.entries()) if (code >= 0) codes.set(code, 0x10000 + number)
  for (const [index, code] of twoByte.entries()) if (code >= 0) codes.set(code, twoByteCodeAt(index))
  return { twoByte, fourByte, codes }
})

const twoByteIndex = (bytes: number): number =>
  ((bytes >> 8) - 0x81) * 190 + (bytes & 0xff) - ((bytes & 0xff) < 0x7f ? 0x40 : 0x41)

function twoByteCodeAt(index: number): number {
  const column = index % 190
  return ((0x81 + Math.floor(index / 190)) << 8) | (column + (column < 0x3f ? 0x40 : 0x41))
}

/** Code points of sequences of bytes by the built-in decoder, -1 where it knows none. */
function decodeEach(count: number, bytesOf: (index: number) => number[]): Int32Array {
  const decoder = new TextDecoder('gb18030')
  return Int32Array.from({ length: count }, (_, index) => {
    const text = decoder.decode(Uint8Array.from(bytesOf(index)))
    const code = text.codePointAt(0)!
    return text.length > (code > 0xffff ? 2 : 1) || code === 0xfffd ? -1 : code
  })
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}
