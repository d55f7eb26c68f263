import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SplitError, splitGuard } from '../documents/split-guard'
import { documents, rejection } from '../test/world'
import { type Bm25Settings, bm25 } from './bm25'
import type { Bm25Variant } from './variants'
import { vocabulary } from './vocabulary'

/** Documents and queries written as words with spaces between them. */
const words = { name: 'words', tokenize: (text: string): string[] => text.split(' ').filter((word) => word !== '') }

describe('bm25', () => {
  it('scores as the formula says (Lucene, by hand)', async () => {
    const { scores } = await bm25(['a b', 'a', 'c c c'], { tokenizer: words, k1: 1.5, b: 0.75 })
    // Three documents of lengths 2, 1, 3, mean 2; 'a' in two of them: idf = ln(1 + 1.5 / 2.5) = 0.4700036.
    // Document 0: 0.4700036 · 1 / (1 + 1.5 · (0.25 + 0.75 · 2 / 2)) = 0.1880015
    // Document 1: 0.4700036 · 1 / (1 + 1.5 · (0.25 + 0.75 · 1 / 2)) = 0.2425825
    expect(Array.from(scores(['a']), (score) => score.toFixed(7))).toEqual(['0.1880015', '0.2425825', '0.0000000'])
  })

  it('counts a repeated query term as often as it occurs', async () => {
    const { scores } = await bm25(['a b', 'a', 'c'], { tokenizer: words })
    expect(scores(['a', 'a'])[0]).toBe(2 * scores(['a'])[0]!)
  })

  it('scores every document 0 for a query of unknown terms, and finds none', async () => {
    const index = await bm25(documents)
    expect(index.scores(['没有这个词']).every((score) => score === 0)).toBe(true)
    expect(await index.retrieve('ζητώ')).toEqual([])
    expect(await index.retrieve('')).toEqual([])
  })

  it('returns equal scores in the order of the documents', async () => {
    const index = await bm25(['x y', 'x z', 'x y', 'q'], { tokenizer: words })
    expect((await index.retrieve('x')).map(({ id }) => id)).toEqual(['0', '1', '2'])
  })

  it.each<[Bm25Variant, number]>([
    ['lucene', 0],
    ['robertson', 0],
    ['atire', 0],
    ['okapi', 0],
    ['rank-bm25l', 0],
    ['bm25l', 1],
    ['bm25+', 1],
  ])('%s returns only documents with a term of the query, with the scores of `scores`', async (variant, base) => {
    const index = await bm25(['a b', 'a a', 'c d e', 'd f', 'g'], { tokenizer: words, variant })
    const scores = index.scores(['a', 'f'])
    const hits = await index.retrieve('a f', { k: 10 })
    expect(hits.map(({ id }) => id).sort()).toEqual(['0', '1', '3'])
    for (const { id, score } of hits) expect(score).toBe(scores[Number(id)])
    expect(Number(scores[4]! > 0)).toBe(base)
  })

  it('finds the same best documents as sorting all scores', async () => {
    const word = fc.constantFrom('a', 'b', 'c', 'dd', 'eee', '高血', '𠮷')
    const text = fc.array(word, { maxLength: 8 }).map((list) => list.join(' '))
    const variant = fc.constantFrom<Bm25Variant>('lucene', 'robertson', 'atire', 'bm25l', 'bm25+')
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 20 }), text, variant, async (list, query, name) => {
        const index = await bm25(list, { tokenizer: words, variant: name })
        const hits = await index.retrieve(query, { k: 4 })
        const terms = words.tokenize(query)
        const absent = list.findIndex((one) => !words.tokenize(one).some((term) => terms.includes(term)))
        const scores = index.scores(terms)
        const floor = absent < 0 ? -Infinity : scores[absent]!
        const expected = Array.from(scores, (score, i) => ({ score, i }))
          .filter(({ score }) => score > floor && score > 0)
          .sort((a, b) => b.score - a.score || a.i - b.i)
        if (absent >= 0) expect(hits.map(({ id }) => Number(id))).toEqual(expected.slice(0, 4).map(({ i }) => i))
      }),
    )
  })

  it('keeps the order of documents whose scores are equal, also where sums on the way to them are not', async () => {
    const list = ['高血', 'a a eee', 'eee a 高血 a a 高血 eee', 'a a eee a a a a', 'a', '', 'a 高血']
    const index = await bm25(list, { tokenizer: words, variant: 'bm25l' })
    const hits = await index.retrieve('高血 eee 高血', { k: 2 })
    expect(hits[0]!.score).toBe(hits[1]!.score)
    expect(hits.map(({ id }) => id)).toEqual(['0', '2'])
  })

  it('reports what it was built from', async () => {
    const { report } = await bm25(['a b', '', 'a'], { tokenizer: words })
    expect(report).toEqual({
      received: 3,
      indexed: 3,
      refused: 0,
      refusedBy: {},
      refusals: [],
      empty: 1,
      terms: 2,
      postings: 3,
      averageLength: 1,
    })
  })

  it('refuses a test document, or leaves it out and counts it', async () => {
    const list = [...documents, { id: 'exam', text: '雾心症首选哪项检查？', split: 'test' }]
    expect(await rejection(bm25(list))).toBeInstanceOf(SplitError)
    const index = await bm25(list, { guard: splitGuard({ onRefusal: 'exclude' }) })
    expect(index.report).toMatchObject({ received: 9, indexed: 8, refused: 1 })
    expect((await index.retrieve('雾心症首选哪项检查', { k: 20 })).map(({ id }) => id)).not.toContain('exam')
  })

  it.each<[Partial<Bm25Settings>, string]>([
    [
      { variant: 'bm52' as Bm25Variant },
      "expected variant to be one of lucene, robertson, atire, bm25l, bm25+, okapi, rank-bm25l, got 'bm52'",
    ],
    [{ k1: -1 }, 'expected k1 to be a number of at least 0, got -1'],
    [{ b: 1.1 }, 'expected b to be a number from 0 to 1, got 1.1'],
    [{ delta: Number.NaN }, 'expected delta to be a number of at least 0, got NaN'],
  ])('refuses %j', async (settings, message) => {
    expect(await rejection(bm25(['a'], settings))).toMatchObject({
      code: 'option',
      message: expect.stringContaining(message),
    })
  })

  it('says that a generator can be read only once', async () => {
    const generator = (function* () {
      yield 'a b'
    })()
    await bm25(generator)
    expect(await rejection(bm25(generator))).toMatchObject({
      code: 'no-documents',
      message: expect.stringContaining('a generator can be read only once'),
    })
  })

  it('stops building when the signal is aborted', async () => {
    const stop = new AbortController()
    const endless = (function* () {
      for (let i = 0; ; i++) {
        if (i === 100) stop.abort()
        yield `text ${i}`
      }
    })()
    expect(await rejection(bm25(endless, { signal: stop.signal }))).toMatchObject({ name: 'AbortError' })
  })
})

describe('vocabulary', () => {
  it('numbers terms of any length in order of first appearance, and finds each again', () => {
    const term = fc.oneof(
      fc.string({ maxLength: 3 }),
      fc.constantFrom('', 'a', 'a\0', '\0', '\0\0', '\0a', 'aa', '药', '血压', '𠮷', '𠮷野', '\ud800'),
    )
    fc.assert(
      fc.property(fc.array(term, { maxLength: 60 }), (terms) => {
        const words = vocabulary()
        const numbers = terms.map((one) => words.add(one))
        expect(words.terms).toEqual([...new Set(terms)])
        expect(numbers).toEqual(terms.map((one) => words.terms.indexOf(one)))
        expect(terms.map((one) => words.find(one))).toEqual(numbers)
        expect(words.find('absent')).toBeUndefined()
      }),
    )
  })

  it('keeps ten thousand pairs apart', () => {
    const words = vocabulary()
    const pairs = Array.from({ length: 10_000 }, (_, i) =>
      String.fromCharCode(0x4e00 + (i % 100), 0x4e00 + Math.floor(i / 100)),
    )
    expect(pairs.map((pair) => words.add(pair))).toEqual(pairs.map((_, i) => i))
    expect(pairs.map((pair) => words.find(pair))).toEqual(pairs.map((_, i) => i))
    expect(words.find('xy')).toBeUndefined()
  })
})
