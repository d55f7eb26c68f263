import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TokenizerError } from '../errors'
import { tokenizerSettings } from '../settings'
import { tokenizerFromSentencePiece } from '../tokenizer'
import { parseSentencePiece } from './model'
import { sentencePieceProcessor } from './processor'

const fixtures = join(import.meta.dirname, '../../../fixtures/sentencepiece')
const bytesOf = (name: string): Uint8Array => readFileSync(join(fixtures, `${name}.model`))

interface Case {
  readonly rows: readonly {
    readonly text: string
    readonly ids: number[]
    readonly offsets: number[]
    readonly normalized: string
    readonly decoded: string
  }[]
  readonly decode: readonly { readonly ids: number[]; readonly decoded: string }[]
}

const cases: Record<string, Case> = JSON.parse(readFileSync(join(fixtures, 'cases.json'), 'utf8'))

/** UTF-8 bytes before each UTF-16 unit. */
const utf8Bytes = (text: string): number[] => {
  const places = [0]
  for (const character of text) {
    const next = places.at(-1)! + Buffer.byteLength(character)
    for (let unit = 0; unit < character.length; unit++) places.push(next)
  }
  return places
}

describe.each(Object.keys(cases))('%s', (name) => {
  const processor = sentencePieceProcessor(parseSentencePiece(bytesOf(name)))

  it('gives ids, places and normalised text of the reference library', () => {
    for (const { text, ids, offsets, normalized } of cases[name]!.rows) {
      const tracked = processor.track(text)
      const bytes = utf8Bytes(text)
      const places = tracked.offsets.map((unit) => bytes[unit])
      expect({ text, ids: tracked.ids, offsets: places, normalized: processor.normalize(text) }).toEqual({
        text,
        ids,
        offsets,
        normalized,
      })
      expect(processor.encode(text)).toEqual(ids)
    }
  })

  it('decodes as the reference library, also random ids', () => {
    for (const { ids, decoded } of [...cases[name]!.rows, ...cases[name]!.decode])
      expect(processor.decode(ids)).toBe(decoded)
  })

  it('gives the same ids with and without places on any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(processor.track(text).ids).toEqual(processor.encode(text))
      }),
    )
  })
})

describe('a tokenizer.model as Transformers reads it', () => {
  const bytes = bytesOf('bpe')
  const plain = sentencePieceProcessor(parseSentencePiece(bytes))

  it('cuts special tokens out first; each piece between them gets a space of its own', () => {
    const tokenizer = tokenizerFromSentencePiece(bytes)
    expect(tokenizer.encode('岚热</s>头晕')).toEqual([...plain.encode('岚热'), 2, ...plain.encode('头晕')])
    expect([tokenizer.unkToken, tokenizer.bosToken, tokenizer.eosToken, tokenizer.padToken]).toEqual([
      '<unk>',
      '<s>',
      '</s>',
      undefined,
    ])
    expect(tokenizer.encode('</s>', { splitSpecialTokens: true })).toEqual(plain.encode('</s>'))
  })

  it('places count from the start of the whole text', () => {
    const { ids, offsets } = tokenizerFromSentencePiece(bytes).encodeWithOffsets('岚热</s>头晕')
    expect(ids[ids.indexOf(2)]).toBe(2)
    expect(offsets.slice(2 * ids.indexOf(2), 2 * ids.indexOf(2) + 2)).toEqual([2, 6])
    expect(offsets.at(-1)).toBe(8)
  })

  it('adds BOS and EOS where the settings say so', () => {
    const idsOf = (config: object): number[] =>
      tokenizerFromSentencePiece(bytes, tokenizerSettings(config as never)).encode('头晕')
    const inner = plain.encode('头晕')
    expect(idsOf({})).toEqual(inner)
    expect(idsOf({ add_bos_token: true, add_eos_token: true })).toEqual([1, ...inner, 2])
    expect(idsOf({ tokenizer_class: 'LlamaTokenizer' })).toEqual([1, ...inner])
    expect(idsOf({ tokenizer_class: 'LlamaTokenizer', add_bos_token: false })).toEqual(inner)
  })

  it('decodes what it encoded', () => {
    const tokenizer = tokenizerFromSentencePiece(bytes)
    for (const text of ['岚热病患者', 'The patient  took 12 mg.', '😀 é'])
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
  })

  it('refuses a special token that is nowhere', () => {
    expect(() => tokenizerFromSentencePiece(bytes, tokenizerSettings({ pad_token: '<nowhere>' }))).toThrow('<nowhere>')
  })
})

describe('a damaged model', () => {
  it('gives a typed error or another model, never anything else', () => {
    const bytes = bytesOf('unigram')
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (position, value, length) => {
        const copy = bytes.slice(0, length)
        if (position < length) copy[position] = value
        try {
          sentencePieceProcessor(parseSentencePiece(copy)).encode('岚热 a')
        } catch (error) {
          expect(error).toBeInstanceOf(TokenizerError)
        }
      }),
      { numRuns: 300 },
    )
  })
})
