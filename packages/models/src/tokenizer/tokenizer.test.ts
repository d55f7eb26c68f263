import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Tokenizer as RustTokenizer } from 'tokenizers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TokenizerError } from './errors'
import { loadTokenizer } from './load'
import { tokenizerSettings } from './settings'
import { tokenizerFromJson } from './tokenizer'
import type { Tokenizer } from './types'

const fixtures = join(import.meta.dirname, '../../fixtures/tokenizers')
const read = (name: string) => JSON.parse(readFileSync(join(fixtures, name), 'utf8'))

interface Case {
  readonly rows: readonly {
    readonly text: string
    readonly ids: number[]
    readonly offsets: number[]
    readonly special: number[]
    readonly decoded: string
    readonly skipped: string
  }[]
  readonly decode: readonly { readonly ids: number[]; readonly decoded: string }[]
}

const cases: Record<string, Case> = read('cases.json')
const tokenizers = new Map(Object.keys(cases).map((name) => [name, tokenizerFromJson(read(`${name}.tokenizer.json`))]))

/** Code points before each UTF-16 unit. */
const codePoints = (text: string): number[] => {
  const places = [0]
  for (const character of text)
    for (let unit = 0; unit < character.length; unit++) places.push(places.at(-1)! + (unit === 0 ? 1 : 0))
  return places
}

/** A character of one of many scripts. Long assigned ones only: libraries differ in the version of their Unicode tables. */
const character = fc
  .oneof(
    ...(
      [
        [0x00, 0x7f],
        [0x80, 0x24f],
        [0x300, 0x36f],
        [0x3b1, 0x44f],
        [0x2000, 0x206f],
        [0x3041, 0x3096],
        [0x4e00, 0x9fa5],
        [0xac00, 0xac50],
        [0xff01, 0xff9f],
        [0x1f300, 0x1f5ff],
        [0x20000, 0x20100],
      ] as const
    ).map(([min, max]) => fc.integer({ min, max })),
  )
  .map((code) => String.fromCodePoint(code))

/** Text of many scripts, with tokens, marks, spaces, control characters and emoji. */
const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '岚热病',
        'mg',
        ' ',
        '  ',
        '\n',
        "don't",
        '<s>',
        '<mask>',
        '<Word>',
        '<think>',
        '▁',
        'e\u0301',
        '\u3000',
        '123',
      ),
      fc.array(character, { maxLength: 6 }).map((characters) => characters.join('')),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''))

describe.each([...tokenizers])('%s', (name, tokenizer) => {
  it('gives the ids of the reference library, with and without special tokens', () => {
    for (const { text, ids, special } of cases[name]!.rows) {
      expect({ text, ids: tokenizer.encode(text, { addSpecialTokens: false }) }).toEqual({ text, ids })
      expect({ text, ids: tokenizer.encode(text) }).toEqual({ text, ids: special })
    }
  })

  it('gives the places of the reference library', () => {
    for (const { text, ids, offsets } of cases[name]!.rows) {
      const encoding = tokenizer.encodeWithOffsets(text, { addSpecialTokens: false })
      const points = codePoints(text)
      expect({ text, ids: encoding.ids, offsets: encoding.offsets.map((unit) => points[unit]) }).toEqual({
        text,
        ids,
        offsets,
      })
    }
  })

  it('decodes as the reference library, also random ids', () => {
    for (const { special, decoded, skipped } of cases[name]!.rows) {
      expect(tokenizer.decode(special)).toBe(decoded)
      expect(tokenizer.decode(special, { skipSpecialTokens: true })).toBe(skipped)
    }
    for (const { ids, decoded } of cases[name]!.decode) expect(tokenizer.decode(ids)).toBe(decoded)
  })

  it('agrees with the reference library in Rust on any text', async () => {
    const rust = RustTokenizer.fromString(JSON.stringify(read(`${name}.tokenizer.json`)))
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        const ids = (await rust.encode(text)).getIds()
        expect(tokenizer.encode(text)).toEqual(ids)
        expect(tokenizer.decode(ids)).toBe(await rust.decode(ids, false))
      }),
      { numRuns: 150 },
    )
  })

  it('gives the same ids with and without places, and places inside the text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { ids, offsets } = tokenizer.encodeWithOffsets(text)
        expect(ids).toEqual(tokenizer.encode(text))
        offsets.forEach((offset, i) => {
          if (offset < 0 || offset > text.length || (i % 2 === 1 && offset < offsets[i - 1]!))
            expect.fail(`offset ${offset} of ${text.length}`)
        })
      }),
      { numRuns: 150 },
    )
  })

  it('streams in pieces that add up to the whole text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const ids = tokenizer.encode(text, { addSpecialTokens: false })
        const stream = tokenizer.streamDecoder()
        const pieces = ids.map((id) => stream.push(id))
        const whole = tokenizer.decode(ids)
        expect(pieces.join('') + stream.end()).toBe(whole)
        if (!whole.includes('\ufffd')) expect(pieces.join('')).not.toContain('\ufffd')
      }),
      { numRuns: 150 },
    )
  })

  it('knows every id by its token and back', () => {
    for (let id = 0; id < tokenizer.vocabularySize; id++) {
      const token = tokenizer.idToToken(id)
      if (token !== undefined) expect(tokenizer.tokenToId(token)).toBe(id)
    }
    expect(tokenizer.idToToken(tokenizer.vocabularySize)).toBeUndefined()
    expect(tokenizer.tokenToId('no such token')).toBeUndefined()
  })
})

it.each(['byte_bpe', 'character_bpe'])('%s reads special tokens in a text as text when asked to', (name) => {
  const tokenizer = tokenizers.get(name)!
  const ids = tokenizer.encode('x<s>b', { addSpecialTokens: false, splitSpecialTokens: true })
  expect(ids).not.toContain(tokenizer.tokenToId('<s>'))
  expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe('x<s>b')
})

describe('pairs, truncation and padding', () => {
  const tokenizer = tokenizers.get('wordpiece')!
  const idsOf = (text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false })
  const [start, end] = [tokenizer.tokenToId('<s>')!, tokenizer.tokenToId('</s>')!]
  const [a, b] = ['头晕乏力', '咳嗽']

  it('put two texts into the template', () => {
    const pair = tokenizer.encodings([[a, b]])[0]!
    expect(pair.ids).toEqual([start, ...idsOf(a), end, ...idsOf(b), end])
    expect(pair.typeIds).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1])
    expect(pair.sequenceIds).toEqual([undefined, 0, 0, 0, 0, undefined, 1, 1, undefined])
    expect(pair.specialTokensMask).toEqual([1, 0, 0, 0, 0, 1, 0, 0, 1])
    expect(pair.offsets.slice(2, 10)).toEqual([0, 1, 1, 2, 2, 3, 3, 4])
  })

  it('cut to the length with special tokens, on either side, keeping what overflows in overlapping pieces', () => {
    const ids = idsOf(a)
    const right = tokenizer.encodings([a], { truncation: { maxLength: 5, stride: 1 } })[0]!
    expect(right.ids).toEqual([start, ...ids.slice(0, 3), end])
    expect(right.overflow.map((piece) => piece.ids)).toEqual([[start, ...ids.slice(2), end]])
    const left = tokenizer.encodings([a], { truncation: { maxLength: 5, side: 'left' } })[0]!
    expect(left.ids).toEqual([start, ...ids.slice(1), end])
    expect(left.overflow.map((piece) => piece.ids)).toEqual([[start, ids[0], end]])
  })

  it('cut the longer text of a pair first, or the one asked for', () => {
    const lengths = (strategy: 'longest_first' | 'only_first' | 'only_second', maxLength: number): number[] => {
      const { sequenceIds } = tokenizer.encodings([[a, b]], { truncation: { maxLength, strategy } })[0]!
      return [0, 1].map((sequence) => sequenceIds.filter((id) => id === sequence).length)
    }
    expect(lengths('longest_first', 8)).toEqual([3, 2])
    expect(lengths('longest_first', 6)).toEqual([2, 1])
    expect(lengths('only_first', 7)).toEqual([2, 2])
    expect(lengths('only_second', 8)).toEqual([4, 1])
  })

  it('pad to the longest, a length or a multiple, on either side', () => {
    const padded = (padding: object): number[][] =>
      tokenizer.encodings([a, b], { padding: { id: 3, ...padding } }).map(({ attentionMask }) => attentionMask)
    expect(padded({})).toEqual([
      [1, 1, 1, 1, 1, 1],
      [1, 1, 1, 1, 0, 0],
    ])
    expect(padded({ side: 'left', multipleOf: 4 })[1]).toEqual([0, 0, 0, 0, 1, 1, 1, 1])
    expect(padded({ length: 7 })[0]).toEqual([1, 1, 1, 1, 1, 1, 0])
  })

  it.each([
    ['the special tokens alone are longer', { truncation: { maxLength: 1 } }, a],
    [
      'the text asked for is too short',
      { truncation: { maxLength: 4, strategy: 'only_second' as const } },
      [a, b] as const,
    ],
    ['there is no second text', { truncation: { maxLength: 4, strategy: 'only_second' as const } }, a],
    ['the stride is as long as a piece', { truncation: { maxLength: 4, stride: 2 } }, a],
    ['there is no padding token', { padding: {} }, a],
  ])('are refused where %s', (_, options, input) => {
    expect(() => tokenizer.encodings([input], options)).toThrow(TokenizerError)
  })
})

describe('loadTokenizer', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tokenizer-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const folderWith = async (files: Record<string, unknown>): Promise<string> => {
    for (const name of await readdir(folder)) await rm(join(folder, name))
    for (const [name, content] of Object.entries(files))
      await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
    return folder
  }
  const load = async (files: Record<string, unknown>): Promise<Tokenizer> => loadTokenizer(await folderWith(files))
  const file = read('byte_bpe.tokenizer.json')

  it('takes special tokens, limit and template from the files beside it', async () => {
    const tokenizer = await load({
      'tokenizer.json': file,
      'tokenizer_config.json': {
        bos_token: '<s>',
        eos_token: { content: '</s>' },
        model_max_length: 512,
        chat_template: 'config',
      },
      'special_tokens_map.json': { eos_token: '<unk>', pad_token: '<pad>' },
    })
    const { bosId, eosId, padId, unkId, bosToken, maxLength, chatTemplate } = tokenizer
    expect({ bosId, eosId, padId, unkId, bosToken, maxLength, chatTemplate }).toEqual({
      bosId: 0,
      eosId: 1,
      padId: 3,
      unkId: undefined,
      bosToken: '<s>',
      maxLength: 512,
      chatTemplate: 'config',
    })
  })

  it('prefers a template in a file of its own, and the default of several', async () => {
    const several = {
      chat_template: [
        { name: 'rag', template: 'r' },
        { name: 'default', template: 'd' },
      ],
      model_max_length: 1e30,
    }
    const first = await load({ 'tokenizer.json': file, 'tokenizer_config.json': several })
    expect([first.chatTemplate, first.maxLength]).toEqual(['d', undefined])
    const second = await load({
      'tokenizer.json': file,
      'tokenizer_config.json': several,
      'chat_template.jinja': 'own',
    })
    expect(second.chatTemplate).toBe('own')
  })

  it('adds tokens that only the settings name, behind the vocabulary, and counts them as special', async () => {
    const tokenizer = await load({
      'tokenizer.json': file,
      'tokenizer_config.json': {
        pad_token: '<fill>',
        additional_special_tokens: ['<extra>'],
        added_tokens_decoder: { 500: { content: '<far>', special: false } },
      },
    })
    const size = tokenizerFromJson(file).vocabularySize
    expect(tokenizer.encode('<far>', { addSpecialTokens: false })).toEqual([500])
    expect(tokenizer.padId).toBeGreaterThanOrEqual(size)
    expect(tokenizer.decode(tokenizer.encode('a<extra><far>'), { skipSpecialTokens: true })).toBe('a<far>')
  })

  const model = { ...file.model }
  it.each<[string, Record<string, unknown>, string]>([
    ['no tokenizer', {}, 'not-found'],
    ['a tokenizer.json that is no JSON', { 'tokenizer.json': '{' }, 'bad-json'],
    ['a tokenizer.json without a model', { 'tokenizer.json': {} }, 'bad-tokenizer'],
    ['a model without a vocabulary', { 'tokenizer.json': { model: { type: 'BPE', merges: [] } } }, 'bad-tokenizer'],
    [
      'merges of unknown tokens',
      { 'tokenizer.json': { ...file, model: { ...model, merges: ['zz qq'] } } },
      'bad-tokenizer',
    ],
    ['an id that is text', { 'tokenizer.json': { ...file, model: { ...model, vocab: { a: '1' } } } }, 'bad-tokenizer'],
    ['an id of billions', { 'tokenizer.json': { ...file, model: { ...model, vocab: { a: 4e9 } } } }, 'bad-tokenizer'],
    ['an unknown model', { 'tokenizer.json': { model: { type: 'Magic', vocab: {} } } }, 'unsupported-tokenizer'],
    [
      'an unknown normalizer',
      { 'tokenizer.json': { ...file, normalizer: { type: 'Magic' } } },
      'unsupported-tokenizer',
    ],
    [
      'an unknown pre-tokenizer',
      { 'tokenizer.json': { ...file, pre_tokenizer: { type: 'Magic' } } },
      'unsupported-tokenizer',
    ],
    [
      'an unknown post-processor',
      { 'tokenizer.json': { ...file, post_processor: { type: 'Magic' } } },
      'unsupported-tokenizer',
    ],
    ['an unknown decoder', { 'tokenizer.json': { ...file, decoder: { type: 'Magic' } } }, 'unsupported-tokenizer'],
    ['a merge dropout', { 'tokenizer.json': { ...file, model: { ...model, dropout: 0.1 } } }, 'unsupported-tokenizer'],
    ['settings that are a list', { 'tokenizer.json': file, 'tokenizer_config.json': [] }, 'bad-json'],
    ['a tokenizer.model of other bytes', { 'tokenizer.model': 'not a model' }, 'bad-tokenizer'],
  ])('refuses %s and names the file', async (_, files, code) => {
    const path = await folderWith(files)
    const error = await loadTokenizer(path).then(
      () => expect.fail('expected an error'),
      (reason: TokenizerError) => reason,
    )
    expect(error.code).toBe(code)
    expect(error.path?.startsWith(path)).toBe(true)
    expect(error.message).toContain(error.path!)
  })

  it('reads half a surrogate pair as U+FFFD', () => {
    const tokenizer = tokenizerFromJson(file, tokenizerSettings())
    expect(tokenizer.decode(tokenizer.encode('a\ud800b', { addSpecialTokens: false }))).toBe('a\ufffdb')
  })
})
