import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentHash } from '../documents/content-hash'
import { chunk, chunkDocument } from './chunk'
import { countCharacters, estimateTokens } from './measure'
import { type ChunkOptions, sentenceSplitter } from './splitter'

const textOf = (options: ChunkOptions) => (text: string) => sentenceSplitter(options)(text).map((piece) => piece.text)

/** Mixed prose, also with characters beyond U+FFFF, marks that combine, and white space everywhere. */
const prose = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '雾心症患者',
        '，',
        '。',
        '！',
        '\n',
        ' ',
        '　',
        '𠮷野家',
        'e\u0301',
        '👩‍⚕️',
        'CT',
        '37.5',
        'cloud scan ',
        '. ',
        '：',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''))

describe('sentenceSplitter', () => {
  it('fills chunks with whole sentences', () => {
    expect(textOf({ characters: 10 })('一二三四。五六七八。九十。')).toEqual(['一二三四。五六七八。', '九十。'])
  })

  it('repeats whole sentences of the end, as many as the overlap holds', () => {
    expect(textOf({ characters: 10, overlap: 6 })('一二三四。五六七八。九十。')).toEqual([
      '一二三四。五六七八。',
      '五六七八。九十。',
    ])
    expect(textOf({ characters: 10, overlap: 4 })('一二三四。五六七八。九十。')).toEqual([
      '一二三四。五六七八。',
      '九十。',
    ])
  })

  it('cuts a sentence longer than a chunk at its commas, and a clause between words', () => {
    expect(textOf({ characters: 8 })('甲乙丙丁，戊己庚辛，壬癸。')).toEqual(['甲乙丙丁，', '戊己庚辛，壬癸。'])
    expect(textOf({ characters: 12 })('examined by a cloud scanner today')).toEqual([
      'examined by',
      'a cloud',
      'scanner',
      'today',
    ])
  })

  it('keeps words, numbers and combined characters whole when it does not regard sentences', () => {
    const pieces = textOf({ characters: 6, sentences: false })('血压120毫米。e\u0301tude 👩‍⚕️好')
    expect(pieces).toEqual(['血压120毫', '米。e\u0301', 'tude', '👩‍⚕️好'])
  })

  it('counts characters as code points', () => {
    expect(textOf({ characters: 3 })('𠮷𠮷𠮷𠮷')).toEqual(['𠮷𠮷𠮷', '𠮷'])
  })

  it('counts tokens with the tokenizer that is given, special ones left out', () => {
    const calls: unknown[] = []
    const tokenizer = {
      encode(text: string, options?: { addSpecialTokens?: boolean }): number[] {
        calls.push(options?.addSpecialTokens)
        return Array.from(text, () => [0, 0]).flat()
      },
    }
    expect(textOf({ tokens: 10, tokenizer })('一二三四。五六七八。九十。')).toEqual([
      '一二三四。',
      '五六七八。',
      '九十。',
    ])
    expect(new Set(calls)).toEqual(new Set([false]))
  })

  it('stays within the limit also where the tokens of a whole are more than those of its parts', () => {
    // A sentence alone is 2 tokens; every one that follows another adds 5.
    const encode = (text: string): number[] => new Array(Math.max(0, 5 * (text.match(/。/g)?.length ?? 0) - 3))
    expect(textOf({ tokens: 8, tokenizer: { encode } })('甲。乙。丙。')).toEqual(['甲。乙。', '丙。'])
  })

  it('covers every character but white space with exact offsets, in order, within the limit and the overlap', () => {
    const options = fc.record({
      characters: fc.integer({ min: 8, max: 40 }),
      overlap: fc.nat(7),
      sentences: fc.boolean(),
    })
    fc.assert(
      fc.property(prose, options, (text, { characters, overlap, sentences }) => {
        const pieces = sentenceSplitter({ characters, overlap, sentences })(text)
        let covered = 0
        pieces.forEach(({ start, end, text: piece }, i) => {
          expect(piece).toBe(text.slice(start, end))
          expect(piece).toBe(piece.trim())
          expect(piece).not.toBe('')
          expect(countCharacters(piece)).toBeLessThanOrEqual(characters)
          expect(text.slice(covered, Math.max(covered, start)).trim()).toBe('')
          expect(countCharacters(text.slice(start, covered))).toBeLessThanOrEqual(overlap)
          expect(end).toBeGreaterThan(i === 0 ? 0 : covered)
          covered = end
        })
        expect(text.slice(covered).trim()).toBe('')
      }),
      { numRuns: 300 },
    )
  })

  it('leaves out a chunk that would repeat the end of the one before and add nothing but white space', () => {
    const split = textOf({ characters: 9, overlap: 4, sentences: false })
    expect(split('CTCTcloud scan ')).toEqual(['CTCTcloud', 'oud scan'])
  })

  it('keeps to the limit in estimated tokens', () => {
    fc.assert(
      fc.property(prose, fc.integer({ min: 8, max: 40 }), (text, tokens) => {
        for (const piece of textOf({ tokens })(text)) expect(estimateTokens(piece)).toBeLessThanOrEqual(tokens)
      }),
    )
  })

  it.each<[ChunkOptions, string]>([
    [{ tokens: 10, characters: 10 }, 'expected tokens or characters, got both'],
    [{ tokens: 0 }, 'expected tokens to be a whole number of at least 1, got 0'],
    [{ characters: 2.5 }, 'expected characters to be a whole number of at least 1, got 2.5'],
    [{ characters: 10, overlap: 10 }, 'expected overlap to be a number from 0 to 9, got 10'],
    [{ characters: 10, overlap: -1 }, 'got -1'],
  ])('refuses %j', (options, message) => {
    expect(() => sentenceSplitter(options)).toThrow(message)
  })

  it('says so when one character is longer than a chunk', () => {
    const tokenizer = { encode: (text: string): number[] => new Array(3 * text.length) }
    expect(() => sentenceSplitter({ tokens: 2, tokenizer })('药')).toThrowErrorMatchingInlineSnapshot(
      `[RagError: chunk: expected a limit that holds at least one character, got 2 for '药'. Make chunks longer.]`,
    )
  })

  it('takes time in proportion to the text, whatever it is made of', () => {
    for (const unit of [' ', '\n', 'a', '。', '，', '.', '“', '\u0301', '\ud800', '👩‍', '1,'])
      expect(() => sentenceSplitter({ characters: 100, overlap: 20 })(unit.repeat(50_000))).not.toThrow()
  })
})

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

describe('chunk', () => {
  const documents = [{ id: 'a', text: '一二三四。五六七八。', source: 'S', metadata: { row: 1 } }, '短。']

  it('numbers the chunks of each document and keeps what is known about it', async () => {
    const chunks = await all(chunk(documents, { characters: 5 }))
    expect(chunks.map(({ id, text }) => [id, text])).toEqual([
      ['a#0', '一二三四。'],
      ['a#1', '五六七八。'],
      ['1#0', '短。'],
    ])
    expect(chunks[1]).toMatchObject({
      source: 'S',
      metadata: { row: 1 },
      part: { document: 'a', index: 1, start: 5, end: 10, documentHash: contentHash('一二三四。五六七八。') },
    })
  })

  it('can be read again when the documents can', async () => {
    const chunks = chunk(documents, { characters: 5 })
    expect(await all(chunks)).toEqual(await all(chunks))
  })

  it('reads documents as they come', async () => {
    let read = 0
    const endless = (async function* () {
      for (;;) yield `文档${read++}。`
    })()
    for await (const { id } of chunk(endless)) if (id === '2#0') break
    expect(read).toBe(3)
  })

  it('takes a splitter of one’s own', () => {
    const halves = (text: string) => [
      { start: 0, end: 2, text: text.slice(0, 2) },
      { start: 2, end: text.length, text: text.slice(2) },
    ]
    expect(chunkDocument('一二三四', halves).map(({ text }) => text)).toEqual(['一二', '三四'])
  })

  it('keeps the split of a document with its chunks', () => {
    expect(chunkDocument({ text: '题目。', split: 'test' })[0]?.split).toBe('test')
  })
})

describe('estimateTokens', () => {
  it.each([
    ['高血压', 3],
    ['hypertension', 3],
    ['CT 检查。', 4],
    ['120/80 mmHg', 4],
    ['', 0],
    [' \n', 0],
  ])('of %j is %i', (text, count) => {
    expect(estimateTokens(text)).toBe(count)
  })
})
