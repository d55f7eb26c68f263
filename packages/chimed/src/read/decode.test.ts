import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeGb18030 } from '../encoding/gb18030'
import { gb18030Decoder, utf8Decoder } from './decode'

/** Decodes in pieces that end at the given places. */
function inPieces(bytes: Uint8Array, cuts: readonly number[]): string {
  const decode = gb18030Decoder()
  const ends = [...new Set([...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b)
  return ends.map((end, index) => decode(bytes.subarray(ends[index - 1] ?? 0, end), index === ends.length - 1)).join('')
}

const cuts = fc.array(fc.nat(), { maxLength: 5 })

describe('gb18030Decoder', () => {
  it('gives what TextDecoder gives, for text in pieces of any size', () => {
    const text = fc
      .string({ unit: 'grapheme', maxLength: 200 })
      .map((value) => `${value}中文ascii ascii ascii ascii㐀😀`)
    fc.assert(
      fc.property(text, cuts, (value, places) => {
        const bytes = encodeGb18030(value)
        expect(inPieces(bytes, places)).toBe(new TextDecoder('gb18030', { ignoreBOM: true }).decode(bytes))
      }),
    )
  })

  it('gives what TextDecoder gives, for bytes that are no text', () => {
    const byte = fc.oneof(
      fc.integer({ min: 0x80, max: 0xff }),
      fc.integer({ min: 0x30, max: 0x39 }),
      fc.nat({ max: 255 }),
    )
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 60 }), cuts, (values, places) => {
        const bytes = Uint8Array.from(values)
        expect(inPieces(bytes, places)).toBe(new TextDecoder('gb18030', { ignoreBOM: true }).decode(bytes))
      }),
      { numRuns: 150 },
    )
  })

  it('knows every two-byte sequence and long texts', () => {
    const all = Array.from({ length: 0x10000 }, (_, i) => [i >> 8, i & 255, 0x20, 0x20]).flat()
    for (let from = 0; from < all.length; from += 32_768) {
      const bytes = Uint8Array.from(all.slice(from, from + 32_768))
      expect(inPieces(bytes, [])).toBe(new TextDecoder('gb18030', { ignoreBOM: true }).decode(bytes))
    }
    const long = '高血压abc'.repeat(40_000)
    expect(inPieces(encodeGb18030(long), [100_001, 200_003])).toBe(long)
  })
})

describe('utf8Decoder', () => {
  it('gives what TextDecoder gives for valid UTF-8', () => {
    const decode = utf8Decoder()
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (value) => {
        expect(decode(Buffer.from(value))).toBe(value)
      }),
    )
    for (const long of ['a'.repeat(100_000), '中😀é'.repeat(30_000), `${'a'.repeat(16_383)}中`, ''])
      expect(decode(Buffer.from(long))).toBe(long)
  })
})
