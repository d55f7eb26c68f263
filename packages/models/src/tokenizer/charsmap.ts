import { TokenizerError } from './errors'
import type { Normalizer } from './normalizers'
import { isPair, placesWriter, type Span } from './span'

/** SentencePiece's compiled table of character sequences and what replaces them. */
export interface Charsmap {
  /** Replacement of the longest sequence that starts at byte `from`, and the byte after it; undefined when none does. */
  longest(bytes: Uint8Array, from: number): Replacement | undefined
  /** The same for the shortest sequence. */
  shortest(bytes: Uint8Array, from: number): Replacement | undefined
}

/** A rule that applies. */
export interface Replacement {
  readonly text: string
  /** Byte after the replaced sequence. */
  readonly end: number
}

/**
 * The table in a `precompiled_charsmap`: four bytes of length, a double-array trie of 32-bit units, then the
 * replacements, each ended by a zero byte.
 *
 * @throws TokenizerError `bad-tokenizer` when the table does not fit its length
 */
export const readCharsmap = (blob: Uint8Array): Charsmap => {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength)
  const trieBytes = blob.byteLength >= 4 ? view.getUint32(0, true) : -1
  if (trieBytes < 4 || trieBytes % 4 !== 0 || trieBytes + 4 > blob.byteLength)
    throw new TokenizerError(
      'bad-tokenizer',
      `readCharsmap: expected a trie inside ${blob.byteLength} bytes, got one of ${trieBytes}. Download the tokenizer again.`,
    )
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => view.getUint32(4 + 4 * i, true))
  const texts = blob.subarray(4 + trieBytes)
  const decoder = new TextDecoder()

  /** Calls `visit` for each sequence that starts at `from`, shortest first, until it returns true. */
  const search = (bytes: Uint8Array, from: number, visit: (value: number, end: number) => boolean): void => {
    let node = offsetOf(units[0]!)
    for (let i = from; i < bytes.length && bytes[i] !== 0; i++) {
      node ^= bytes[i]!
      const unit = units[node]
      if (unit === undefined || (unit & 0x800000ff) !== bytes[i]) return
      node ^= offsetOf(unit)
      if ((unit & 0x100) !== 0 && visit((units[node] ?? 0) & 0x7fffffff, i + 1)) return
    }
  }
  const textAt = (start: number): string => {
    const end = texts.indexOf(0, start)
    return decoder.decode(texts.subarray(start, end < 0 ? texts.length : end))
  }
  const find = (bytes: Uint8Array, from: number, first: boolean): Replacement | undefined => {
    let start = -1
    let end = -1
    search(bytes, from, (value, at) => {
      start = value
      end = at
      return first
    })
    return end < 0 ? undefined : { text: textAt(start), end }
  }
  return { longest: (bytes, from) => find(bytes, from, false), shortest: (bytes, from) => find(bytes, from, true) }
}

/** Offset field of a double-array unit. */
const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6)

/**
 * The `Precompiled` normaliser of `tokenizer.json`. Like the reference library, and unlike SentencePiece itself, it
 * looks up whole graphemes of up to five bytes first and then single characters, and takes the shortest rule.
 */
export const precompiledNormalizer = (blob: Uint8Array): Normalizer => {
  const charsmap = readCharsmap(blob)
  const encoder = new TextEncoder()
  const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' })
  const replacementOf = (text: string): string | undefined => charsmap.shortest(encoder.encode(text), 0)?.text

  return (span, track) => {
    if (/^[\x20-\x7e]*$/.test(span.text)) return span
    const parts: { text: string; from: number; to: number }[] = []
    for (const { segment, index } of segmenter.segment(span.text)) {
      const whole = encoder.encode(segment).length < 6 ? replacementOf(segment) : undefined
      if (whole !== undefined) parts.push({ text: whole, from: index, to: index + segment.length })
      else
        for (let i = 0; i < segment.length; ) {
          const next = i + (isPair(segment, i) ? 2 : 1)
          const character = segment.slice(i, next)
          parts.push({ text: replacementOf(character) ?? character, from: index + i, to: index + next })
          i = next
        }
    }
    return assemble(span, parts, track)
  }
}

const assemble = (span: Span, parts: readonly { text: string; from: number; to: number }[], track: boolean): Span => {
  const text = parts.map((part) => part.text).join('')
  if (text === span.text) return span
  if (!track) return { text, base: span.base, places: undefined }
  const writer = placesWriter(span, text.length)
  for (const part of parts) writer.add(part.text.length, part.from, part.to)
  return { text, base: span.base, places: writer.places }
}
