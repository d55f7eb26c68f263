import { describe, expect, it } from 'vitest'
import { bandsForRecall, candidateProbability, optimalBands } from './bands'
import { connectedComponents } from './components'
import { exactDuplicates } from './exact'
import { bandKeys } from './lsh'
import { estimateJaccard, minHash } from './minhash'
import { mix32 } from './minhash-js'
import { nearDuplicates, nearDuplicatesBetween, verifyPairs } from './near'
import { characterGrams, editDistance, editSimilarity, jaccard } from './similarity'
import {
  duplicatedBytes,
  duplicatedTokens,
  mergeRanges,
  removeDuplicatedText,
  removeDuplicatedTokens,
  subtract,
  wholeCharacters,
} from './substring'
import { suffixArray } from './suffix'
import { duplicatedRanges, duplicatedWindows } from './windows'
import { jiebaWords, wordItems } from './words'

/** Seeded numbers below `limit`. */
const numbers = (seed: number, count: number, limit: number): number[] =>
  Array.from({ length: count }, (_, i) => mix32(Math.imul(seed, 7919) + i) % limit)
const text = (seed: number, length: number, alphabet = 3000): string =>
  String.fromCharCode(...numbers(seed, length, alphabet).map((code) => 0x4e00 + code))

describe('minHash', () => {
  it('gives the same bits in WebAssembly and in JavaScript, also for characters beyond the basic plane', () => {
    const wasm = minHash({ backend: 'wasm' })
    const js = minHash({ backend: 'js' })
    const [a, b] = [new Uint32Array(128), new Uint32Array(128)]
    for (const sample of ['', '甲', '甲乙丙丁', '虚构症😀🏥x', '\ud800孤\udc00', text(1, 5000), 'a'.repeat(100_000)]) {
      wasm.signature(sample, a)
      js.signature(sample, b)
      expect(Buffer.from(a.buffer).equals(Buffer.from(b.buffer)), sample.slice(0, 20)).toBe(true)
      expect(Array.from(wasm.shingles(sample))).toEqual(Array.from(js.shingles(sample)))
      expect(wasm.similarity(sample, '甲乙丙丁戊己庚'), sample.slice(0, 20)).toBe(
        js.similarity(sample, '甲乙丙丁戊己庚'),
      )
    }
  })

  it('gives signatures of a batch on any number of threads as one by one', () => {
    const texts = Array.from({ length: 500 }, (_, i) => text(i, (i * 37) % 900)).concat('', text(7, 100_000), '😀')
    const one = minHash({ permutations: 32 })
    const expected = new Uint32Array(texts.length * 32)
    for (const [i, sample] of texts.entries()) one.signature(sample, expected.subarray(i * 32, (i + 1) * 32))
    for (const threads of [1, 2, 4]) {
      using kernel = minHash({ permutations: 32, threads })
      expect(kernel.signatures(texts)).toEqual(expected)
    }
    expect(minHash({ permutations: 32, backend: 'js' }).signatures(texts)).toEqual(expected)
    expect(one.signatures([]).length).toBe(0)
  })

  it('computes the similarity of sets exactly', () => {
    const kernel = minHash()
    for (let seed = 1; seed < 100; seed++) {
      const a = text(seed, mix32(seed) % 60, 3)
      const b = text(seed + 500, mix32(seed + 7) % 60, 3)
      expect(kernel.similarity(a, b)).toBe(jaccard(characterGrams(a, 5), characterGrams(b, 5)))
    }
  })

  it('estimates Jaccard similarity within five standard errors', () => {
    const kernel = minHash({ permutations: 256 })
    const [a, b] = [new Uint32Array(256), new Uint32Array(256)]
    for (let seed = 1; seed <= 60; seed++) {
      const base = text(seed, 400)
      const other = base.slice(0, 40 + ((seed * 6) % 360)) + text(seed + 1000, 60)
      const truth = jaccard(characterGrams(base, 5), characterGrams(other, 5))
      kernel.signature(base, a)
      kernel.signature(other, b)
      expect(Math.abs(estimateJaccard(a, b) - truth)).toBeLessThan(5 * Math.sqrt((truth * (1 - truth)) / 256) + 1 / 256)
    }
  })

  it('refuses a count of permutations that its lanes cannot hold', () => {
    expect(() => minHash({ permutations: 100 })).toThrowErrorMatchingInlineSnapshot(
      `[ChimedError: minHash: expected permutations as a positive multiple of 16, got 100. Use 64, 128 or 256.]`,
    )
  })
})

describe('bands', () => {
  it('follow datasketch for its documented settings', () => {
    expect(optimalBands({ threshold: 0.75, permutations: 256 })).toEqual({ bands: 21, rows: 12 })
    expect(
      optimalBands({ threshold: 0.75, permutations: 256, falsePositiveWeight: 0.1, falseNegativeWeight: 0.9 }),
    ).toEqual({ bands: 28, rows: 9 })
  })

  it('of Lee et al. find pairs at 0.8 with probability 0.9946', () => {
    expect(candidateProbability(0.8, { bands: 450, rows: 20 })).toBeCloseTo(0.994583, 6)
  })

  it('chosen by recall keep their promise with the most rows', () => {
    for (const threshold of [0.5, 0.7, 0.8, 0.9]) {
      const { bands, rows } = bandsForRecall({ threshold, permutations: 128, recall: 0.99 })
      expect(candidateProbability(threshold, { bands, rows })).toBeGreaterThanOrEqual(0.99)
      expect(candidateProbability(threshold, { bands: Math.floor(128 / (rows + 1)), rows: rows + 1 })).toBeLessThan(
        0.99,
      )
    }
  })
})

describe('nearDuplicates', () => {
  /** Families of a text with some of its characters changed, and texts on their own. */
  const variant = (i: number, length: number): string => {
    const family = text(Math.floor(i / 3), length)
    const changes = i % 3 === 0 ? 0 : 1 + (mix32(i) % 5)
    return [...family].map((character, at) => (mix32(i * 1000 + at) % length < changes ? '变' : character)).join('')
  }
  const documents = Array.from({ length: 600 }, (_, i) => variant(i, 120))

  it('finds the components that brute force over all pairs finds, in 3,000 texts', () => {
    const texts = Array.from({ length: 3000 }, (_, i) => variant(i, 60))
    const grams = texts.map((document) => characterGrams(document, 5))
    const edges: number[] = []
    const holders = new Map<string, number[]>() // only texts with a gram in common can be similar
    for (const [i, set] of grams.entries()) {
      const partners = new Set([...set].flatMap((gram) => holders.get(gram) ?? []))
      for (const partner of partners) if (jaccard(grams[partner]!, set) >= 0.7) edges.push(partner, i)
      for (const gram of set) holders.set(gram, [...(holders.get(gram) ?? []), i])
    }
    const found = nearDuplicates(texts, { threshold: 0.7, recall: 0.9999 })
    expect(found.roots).toEqual(connectedComponents(texts.length, edges))
    expect(found.clusters.length).toBeGreaterThan(200)
    expect(found.compared).toBeLessThan(texts.length * 10)
  })

  it('gives the same for any number of threads, and by parts as a pipeline would run them', () => {
    const whole = nearDuplicates(documents, { threshold: 0.7 })
    using kernel = minHash({ threads: 3 })
    expect(nearDuplicates(documents, { threshold: 0.7, kernel })).toEqual(whole)
    const batches = [0, 1, 200, 333].map((from, i, list) => documents.slice(from, list[i + 1]))
    const signatures = Uint32Array.from(batches.flatMap((batch) => Array.from(kernel.signatures(batch))))
    const { bands } = whole.banding
    const keys = bandKeys(signatures, { permutations: 128, banding: whole.banding })
    const pairs = documents.flatMap((_, i) =>
      documents.flatMap((_, j) =>
        j < i && keys.slice(i * bands, (i + 1) * bands).some((key, band) => key === keys[j * bands + band])
          ? [j, i]
          : [],
      ),
    )
    const verdicts = verifyPairs(documents, pairs, { threshold: 0.7, kernel })
    const edges = pairs.filter((_, at) => verdicts[at >> 1] === 1)
    expect(connectedComponents(documents.length, edges)).toEqual(whole.roots)
  })

  it('gives the same when texts take more memory than threads hold at a time, on any number of threads and without them', () => {
    const passage = text(3, 100_000)
    const texts = Array.from({ length: 3000 }, (_, i) => passage.slice(mix32(i) % 99_000).slice(0, 700 + (i % 100)))
    texts.splice(5, 1, '', passage.repeat(6), texts[9]!)
    const one = minHash({ permutations: 32 })
    const { sketch: _, ...withoutSketch } = one
    const parts = nearDuplicates(texts, { threshold: 0.7, kernel: withoutSketch })
    expect(parts.matched).toBeGreaterThan(1000)
    for (const threads of [1, 2, 4]) {
      using kernel = minHash({ permutations: 32, threads })
      expect(nearDuplicates(texts, { threshold: 0.7, kernel })).toEqual(parts)
      expect(kernel.signatures(texts)).toEqual(one.signatures(texts))
    }
    const pairs = texts.flatMap((_, i) => [i, mix32(i) % texts.length])
    using kernel = minHash({ permutations: 32, threads: 2 })
    const options = { threshold: 0.3, comparable: (a: number) => a % 3 > 0 }
    const verdicts = verifyPairs(texts, pairs, { ...options, kernel })
    expect(verdicts).toEqual(verifyPairs(texts, pairs, { ...options, kernel: one }))
    expect(new Set(verdicts)).toEqual(new Set([0, 1]))
    expect(Array.from(kernel.similarities!((index) => texts[index]!, pairs))).toEqual(
      texts.map((sample, i) => one.similarity(sample, texts[pairs[2 * i + 1]!]!)),
    )
    expect(nearDuplicates([], { permutations: 32 }).clusters).toEqual([])
  })

  it('refuses a banding that needs more permutations than there are', () => {
    expect(() =>
      nearDuplicates(['甲'], { permutations: 16, banding: { bands: 5, rows: 4 } }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[ChimedError: nearDuplicates: expected a banding of at most 16 permutations, got 5 bands of 4 rows. Use fewer, or more permutations.]`,
    )
  })

  it('takes many copies of one text in linear time', () => {
    const copies = Array.from({ length: 60_000 }, () => documents[0]!)
    const { clusters: groups, compared } = nearDuplicates(copies, { permutations: 16 })
    expect(groups.map(({ length }) => length)).toEqual([60_000])
    expect(compared).toBe(59_999)
  })

  it('joins only pairs that may be compared', () => {
    const copies = ['甲乙丙丁戊己', '甲乙丙丁戊己', '甲乙丙丁戊己']
    const odd = (a: number, b: number): boolean => (a + b) % 2 === 1
    expect(nearDuplicates(copies.slice(0, 2), { comparable: odd }).clusters).toEqual([[0, 1]])
    expect(nearDuplicates([copies[0]!, '别的文字', copies[2]!], { comparable: odd }).clusters).toEqual([])
  })

  it('joins texts only with references when given some', () => {
    const found = nearDuplicatesBetween(
      [documents[0]!, documents[3]!],
      [`${documents[3]!}尾`, documents[0]!, text(9999, 100), ''],
      { threshold: 0.6 },
    )
    expect(Array.from(found)).toEqual([1, 0, -1, -1])
  })

  it('takes words as items, one by one or in runs', () => {
    const cut = (line: string): string[] => line.split(' ')
    const texts = ['甲 乙 丙 丁', '丁 丙 乙 甲', '戊 己']
    expect(nearDuplicates(texts, { items: wordItems(cut) }).clusters).toEqual([[0, 1]])
    expect(nearDuplicates(texts, { items: wordItems(cut, { n: 2 }) }).clusters).toEqual([])
  })

  it('takes the words of jieba', async () => {
    const cut = await jiebaWords()
    expect(cut('高血压患者的饮食')).toEqual(['高血压', '患者', '的', '饮食'])
    const texts = ['高血压患者的饮食', '饮食的高血压患者', '糖尿病患者的运动']
    expect(nearDuplicates(texts, { items: wordItems(cut) }).clusters).toEqual([[0, 1]])
  })
})

describe('similarity', () => {
  it('counts edits as the table of Wagner and Fischer does', () => {
    const slow = (a: string[], b: string[]): number => {
      let row = Array.from({ length: b.length + 1 }, (_, j) => j)
      for (const [i, x] of a.entries()) {
        const next = [i + 1]
        for (const [j, y] of b.entries())
          next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (x === y ? 0 : 1)))
        row = next
      }
      return row[b.length]!
    }
    for (let seed = 1; seed < 200; seed++) {
      const a = text(seed, mix32(seed) % 140, 4)
      const b = text(seed + 500, mix32(seed + 7) % 140, 4)
      expect(editDistance(a, b)).toBe(slow([...a], [...b]))
    }
  })

  it('counts characters, not units', () => {
    expect(editSimilarity('😀甲', '😁甲')).toBe(0.5)
    expect(editSimilarity('', '')).toBe(1)
  })

  it('finds first equals', () => {
    expect(Array.from(exactDuplicates(['甲', '乙', '甲', '', '', '甲'.repeat(40), '甲'.repeat(40)]))).toEqual([
      0, 1, 0, 3, 3, 5, 5,
    ])
  })
})

describe('suffix array', () => {
  const order = (symbols: ArrayLike<number>): number[] =>
    Array.from(symbols, (_, index) => index).sort((a, b) => {
      for (let k = 0; ; k++) {
        if (a + k >= symbols.length) return -1
        if (b + k >= symbols.length) return 1
        if (symbols[a + k] !== symbols[b + k]) return symbols[a + k]! - symbols[b + k]!
      }
    })

  it('is the order of the suffixes, for bytes and numbers', () => {
    for (let seed = 1; seed < 400; seed++) {
      const symbols = numbers(seed, 1 + (mix32(seed) % 80), 1 + (seed % 5))
      expect(Array.from(suffixArray(Uint8Array.from(symbols)))).toEqual(order(symbols))
      expect(Array.from(suffixArray(Uint32Array.from(symbols)))).toEqual(order(symbols))
    }
  })
})

describe('duplicated windows', () => {
  const places = (bits: Uint32Array, symbols: number): number[] =>
    Array.from({ length: symbols }, (_, i) => i).filter((i) => (bits[i >> 5]! >>> (i & 31)) & 1)

  it('are those that brute force finds, for symbols of one, two and four bytes and texts of any length', () => {
    for (let seed = 1; seed < 400; seed++) {
      const texts = Array.from({ length: 1 + (seed % 4) }, (_, i) =>
        numbers(seed * 10 + i, mix32(seed + i) % 200, 1 + (seed % 5)),
      )
      const length = 1 + (mix32(seed + 3) % 40)
      const starts = new Map<string, number[]>()
      let before = 0
      for (const symbols of texts) {
        for (let i = 0; i + length <= symbols.length; i++) {
          const key = symbols.slice(i, i + length).join()
          starts.set(key, [...(starts.get(key) ?? []), before + i])
        }
        before += symbols.length
      }
      const groups = [...starts.values()].filter((list) => list.length > 1)
      for (const kind of [Uint8Array, Uint16Array, Uint32Array]) {
        const found = duplicatedWindows(
          texts.map((symbols) => kind.from(symbols)),
          { length },
        )
        expect(places(found.all, found.symbols)).toEqual(groups.flat().sort((a, b) => a - b))
        expect(places(found.later, found.symbols)).toEqual(
          groups.flatMap(([, ...later]) => later).sort((a, b) => a - b),
        )
      }
    }
  })

  it('are those of neighbours in the suffix array, in a text of many passages, runs and periods', () => {
    const length = 60
    const passages = numbers(5, 400, 60).map((seed) => numbers(seed, 200, 200))
    const symbols = Uint8Array.from([
      ...passages.flat(),
      ...numbers(1, 30_000, 200),
      ...Array(3000).fill(7),
      ...Array.from({ length: 3000 }, (_, i) => i % 3),
      ...numbers(2, 100, 200),
    ])
    const order = suffixArray(symbols)
    const common = (a: number, b: number): number => {
      let k = 0
      while (k < length && a + k < symbols.length && symbols[a + k] === symbols[b + k]) k++
      return k
    }
    const expected = new Set<number>()
    for (let i = 1; i < order.length; i++)
      if (common(order[i - 1]!, order[i]!) >= length && Math.max(order[i - 1]!, order[i]!) + length <= symbols.length)
        expected.add(order[i - 1]!).add(order[i]!)
    const { all } = duplicatedWindows([symbols], { length })
    expect(places(all, symbols.length)).toEqual([...expected].sort((a, b) => a - b))
    expect(expected.size).toBeGreaterThan(60_000)
  })

  it('are found across the borders of the calls that a long text takes', () => {
    const passage = numbers(500, 500, 256)
    const symbols = Uint8Array.from([
      ...numbers(100, 130_900, 256),
      ...passage,
      ...numbers(300, 260_000, 256),
      ...passage,
    ])
    expect(duplicatedRanges(symbols, { length: 300 })).toEqual([
      [130_900, 131_400],
      [391_400, 391_900],
    ])
  })

  it('unite to ranges as in the README of Lee et al., with and without document borders', () => {
    expect(duplicatedRanges(Buffer.from('eabcdfgh.efabcdgh'), { length: 4 })).toEqual([
      [1, 5],
      [11, 15],
    ])
    const { byDocument } = duplicatedTokens(
      [
        [5, 1, 2, 3, 4, 6, 7, 8, 9],
        [5, 6, 1, 2, 3, 4, 7, 8],
      ],
      { length: 4 },
    )
    expect(byDocument).toEqual([[[1, 5]], [[2, 6]]])
  })

  it('refuses texts of different kinds and lengths below 1', () => {
    expect(() =>
      duplicatedWindows([new Uint8Array(3), new Uint16Array(3)], { length: 2 }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[ChimedError: duplicatedWindows: expected texts of one kind, got symbols of 1 and 2 bytes. Convert them to one kind.]`,
    )
    expect(() => duplicatedWindows([], { length: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[ChimedError: duplicatedWindows: expected a length of 1 or more, got 0. Give the shortest duplicate to look for.]`,
    )
  })
})

describe('substring deduplication', () => {
  it('removes every copy, or every copy but the first', () => {
    const documents = [
      [1, 2, 3, 4, 9],
      [8, 1, 2, 3, 4],
      [1, 2, 3, 4],
    ]
    expect(removeDuplicatedTokens(documents, { length: 4 }).documents).toEqual([[9], [8], []])
    expect(removeDuplicatedTokens(documents, { length: 4, keep: 'first' }).documents).toEqual([
      [1, 2, 3, 4, 9],
      [8],
      [],
    ])
  })

  it('finds in a second pass what the first brought together', () => {
    const documents = [
      [1, 2, 50, 51, 52, 3, 4],
      [9, 50, 51, 52, 9],
      [8, 1, 2, 3, 4, 8],
    ]
    const { documents: left, removed } = removeDuplicatedTokens(documents, { length: 3, passes: 2 })
    expect(removed).toEqual([6, 8])
    expect(left).toEqual([[], [9, 9], [8, 8]])
  })

  it('never matches across documents, whatever their separators', () => {
    expect(
      duplicatedTokens(
        [
          [1, 2],
          [1, 2],
          [1, 2],
        ],
        { length: 3 },
      ).windows,
    ).toBe(0)
    expect(duplicatedBytes([Buffer.from('甲乙'), Buffer.from('甲乙')], { length: 7 }).windows).toBe(0)
  })

  it('cuts UTF-8 at whole characters', () => {
    const shared = '这一段虚构的文字在两处出现'
    const { documents } = removeDuplicatedText([`前言${shared}甲`, `又${shared}乙`], { length: 30 })
    expect(documents).toEqual(['前言甲', '又乙'])
    expect(wholeCharacters(Buffer.from('甲乙丙'), [[1, 8]])).toEqual([[3, 6]])
  })

  it('merges ranges as text-dedup does', () => {
    expect(
      mergeRanges(
        [
          [0, 2],
          [2, 4],
          [4, 5],
        ],
        'overlapping',
      ),
    ).toEqual([[0, 5]])
    expect(
      mergeRanges(
        [
          [0, 4],
          [2, 4],
          [4, 5],
        ],
        'longest',
      ),
    ).toEqual([
      [0, 4],
      [4, 5],
    ])
    expect(
      subtract(
        [[0, 10]],
        [
          [2, 4],
          [6, 12],
        ],
      ),
    ).toEqual([
      [0, 2],
      [4, 6],
    ])
  })
})
