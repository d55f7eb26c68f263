import { isAscii, isUtf8 } from 'node:buffer'
import { TextDecoder } from 'node:util'
import { gb18030Decoder, utf8Decoder } from './decode'

/** Encodings a text file may have. */
export type TextEncoding = 'utf-8' | 'gb18030' | 'utf-16le' | 'utf-16be'

/** The encoding of a file and the length of its byte order mark. */
export interface DetectedEncoding {
  readonly encoding: TextEncoding
  readonly bomBytes: number
}

/** Share of broken characters up to which text is taken for damaged UTF-8. Chinese GB18030 text read as UTF-8 has about 0.8. */
const mostDamage = 0.2

/**
 * The encoding that the first bytes of a file speak for: a byte order mark decides; otherwise UTF-16 when one of two bytes is often NUL and the other never,
 * UTF-8 when the sample is valid UTF-8 but for a few broken characters (which are then reported row by row), and GB18030 when it decodes
 * better as such.
 *
 * @param sample  the beginning of the file; a character cut off at its end does not count against an encoding
 */
export function detectEncoding(sample: Uint8Array): DetectedEncoding {
  if (sample[0] === 0xef && sample[1] === 0xbb && sample[2] === 0xbf) return { encoding: 'utf-8', bomBytes: 3 }
  if (sample[0] === 0xff && sample[1] === 0xfe) return { encoding: 'utf-16le', bomBytes: 2 }
  if (sample[0] === 0xfe && sample[1] === 0xff) return { encoding: 'utf-16be', bomBytes: 2 }
  const wide = withoutMark(sample)
  if (wide) return { encoding: wide, bomBytes: 0 }
  if (isUtf8(sample.subarray(0, wholeUtf8(sample)))) return { encoding: 'utf-8', bomBytes: 0 }
  const start = sample.findIndex((byte) => byte >= 0x80)
  const part = sample.subarray(start, start + (1 << 16))
  const broken = errorShare('utf-8', part)
  // Most UTF-8 text also decodes as GB18030, as gibberish: a few broken characters must not turn a whole file into it.
  const encoding = broken > mostDamage && errorShare('gb18030', part) < broken ? 'gb18030' : 'utf-8'
  return { encoding, bomBytes: 0 }
}

/** True for a chunk that reads the same in UTF-8 and GB18030 and says nothing about which of them its file has. */
export const saysNothing = (chunk: Uint8Array): boolean => isAscii(chunk) && !chunk.includes(0)

/** UTF-16 without a mark: digits, blanks and quotes of the text have a NUL on the same side, and no other NUL is there. */
function withoutMark(sample: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  const nul = [0, 0]
  const length = Math.min(sample.length, 4096)
  for (let i = 0; i < length; i++) if (sample[i] === 0) nul[i & 1]!++
  const often = Math.max(4, length / 40)
  if (nul[0] === 0 && nul[1]! >= often) return 'utf-16le'
  return nul[1] === 0 && nul[0]! >= often ? 'utf-16be' : undefined
}

/** Stands in decoded text where bytes were malformed: a lone surrogate, which no well-formed file can hold (U+FFFD may stand in the source itself). */
export const malformedMark = '\udfff'

/**
 * A streaming decoder to text in which malformed bytes are `malformedMark`. In UTF-8 a U+FFFD of the source stays; in GB18030 and
 * UTF-16 it counts as malformed.
 */
export function markingDecoder(encoding: TextEncoding): (bytes: Uint8Array, last?: boolean) => string {
  if (encoding !== 'utf-8') {
    const decode = encoding === 'gb18030' ? gb18030Decoder() : streamingDecoder(encoding)
    return (bytes, last = false) => {
      const text = decode(bytes, last)
      return text.includes('\ufffd') ? text.replaceAll('\ufffd', malformedMark) : text
    }
  }
  const decode = utf8Decoder()
  let held: Uint8Array = new Uint8Array(0)
  return (bytes, last = false) => {
    const all = held.length > 0 ? Buffer.concat([held, bytes]) : bytes
    const end = last ? all.length : wholeUtf8(all)
    held = all.slice(end)
    const whole = all.subarray(0, end)
    return isUtf8(whole) ? decode(whole) : decodeBroken(whole)
  }
}

/** Decodes line by line, so that only the lines at fault are marked. */
function decodeBroken(bytes: Uint8Array): string {
  const decoder = textDecoder('utf-8')
  let marked = ''
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, start)
    const line = bytes.subarray(start, newline < 0 ? bytes.length : newline + 1)
    const decoded = decoder.decode(line)
    marked += isUtf8(line) ? decoded : decoded.replaceAll('\ufffd', malformedMark)
    start += line.length
  }
  return marked
}

function streamingDecoder(encoding: TextEncoding): (bytes: Uint8Array, last: boolean) => string {
  const decoder = textDecoder(encoding)
  return (bytes, last) => decoder.decode(bytes, { stream: !last })
}

/** A decoder that replaces malformed bytes by U+FFFD and leaves a byte order mark in place (`detectEncoding` has measured it). */
export const textDecoder = (encoding: TextEncoding): TextDecoder => new TextDecoder(encoding, { ignoreBOM: true })

/** Number of bytes of `sample` up to its last whole UTF-8 character. */
function wholeUtf8(sample: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, sample.length); back++) {
    const byte = sample[sample.length - back]!
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? sample.length - back : sample.length
    if (byte < 0x80) break
  }
  return sample.length
}

/** Share of characters beyond ASCII that did not decode. */
function errorShare(encoding: TextEncoding, sample: Uint8Array): number {
  const text = textDecoder(encoding).decode(sample, { stream: true })
  let beyondAscii = 0
  let broken = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x80) beyondAscii++
    if (code === 0xfffd) broken++
  }
  return beyondAscii === 0 ? 1 : broken / beyondAscii
}
