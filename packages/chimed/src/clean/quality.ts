import { createHash } from 'node:crypto'
import { mix32 } from '../dedup/minhash-js'
import { textOf } from '../record'
import { drop } from '../sources/source'
import { type RowOutcome, rowStep, type Step } from '../step'
import type { ChimedRecord } from '../types'
import type { NgramModel } from './ngram-model'

/** Measures of a text that the quality filter judges. */
export interface TextMeasures {
  /** Code units. */
  readonly length: number
  /** Share of Chinese characters among letters. */
  readonly chineseShare: number
  /** Share of characters that are neither letters, digits, blanks nor common punctuation. */
  readonly symbolShare: number
  /** Share of the text covered by its most frequent character 10-gram that occurs twice or more, overlaps counted once. */
  readonly repetition: number
  /** Share of lines that occur before. */
  readonly repeatedLines: number
}

const letter = /\p{L}/u
const chinese = /\p{Script=Han}/u
const ordinary = /[\p{L}\p{N}\s，。！？；：、“”‘’（）《》〈〉【】—…·.,!?;:'"()\-/%+<>=~～°℃]/u

/** Measures of a text; shares are between 0 and 1. */
export function textMeasures(text: string): TextMeasures {
  const { characters, letters, han, symbols } = countClasses(text)
  const lines = text.split('\n').filter((line) => line.trim().length > 5)
  return {
    length: text.length,
    chineseShare: letters === 0 ? 0 : han / letters,
    symbolShare: characters === 0 ? 0 : symbols / characters,
    repetition: repeatedShare(text, 10) / Math.max(1, text.length),
    repeatedLines: lines.length === 0 ? 0 : 1 - new Set(lines).size / lines.length,
  }
}

/** Characters of each class; the two ranges that nearly all text is made of are known without asking a pattern. */
function countClasses(text: string): { characters: number; letters: number; han: number; symbols: number } {
  const counts = { characters: 0, letters: 0, han: 0, symbols: 0 }
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    counts.characters++
    if (code >= 0x4e00 && code <= 0x9fff) {
      counts.letters++
      counts.han++
      continue
    }
    if ((code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a)) {
      counts.letters++
      continue
    }
    if (code === 0xff0c || code === 0x3002 || code === 0x3001 || (code >= 0x30 && code <= 0x39)) continue
    const character = String.fromCodePoint(text.codePointAt(i)!)
    i += character.length - 1
    if (letter.test(character)) counts.letters++
    if (chinese.test(character)) counts.han++
    if (!ordinary.test(character)) counts.symbols++
  }
  return counts
}

/** Characters covered by the most frequent n-gram, if it occurs more than once. */
function repeatedShare(text: string, n: number): number {
  const best = mostFrequentGram(text, n)
  if (best === undefined) return 0
  let covered = 0
  let end = 0
  for (let at = text.indexOf(best); at >= 0; at = text.indexOf(best, at + 1)) {
    covered += at + n - Math.max(at, end)
    end = at + n
  }
  return covered
}

const base = 0x9e3779b1

/** The n-gram that occurs most often, the first of those; undefined when all are different. Grams with the same 32-bit hash count as one. */
function mostFrequentGram(text: string, n: number): string | undefined {
  const grams = text.length - n + 1
  if (grams < 2) return undefined
  const mask = (1 << Math.ceil(Math.log2(2 * grams))) - 1
  const hashes = new Int32Array(mask + 1)
  const counts = new Uint32Array(mask + 1)
  let top = 1
  for (let i = 1; i < n; i++) top = Math.imul(top, base)
  let hash = 0
  let most = 1
  let best = -1
  for (let i = 0; i < text.length; i++) {
    if (i >= n) hash = (hash - Math.imul(text.charCodeAt(i - n), top)) | 0
    hash = (Math.imul(hash, base) + text.charCodeAt(i)) | 0
    if (i < n - 1) continue
    let slot = mix32(hash) & mask
    while (counts[slot] !== 0 && hashes[slot] !== hash) slot = (slot + 1) & mask
    hashes[slot] = hash
    if (++counts[slot]! > most) {
      most = counts[slot]!
      best = i - n + 1
    }
  }
  return best < 0 ? undefined : text.slice(best, best + n)
}

/** Limits of `quality`; a record beyond one is dropped with the name of the limit as its reason. */
export interface QualityOptions {
  /** Characters (default 8). */
  readonly minLength?: number | undefined
  /** Characters (default 100,000). */
  readonly maxLength?: number | undefined
  /** Default 0.3; 0 keeps other languages. */
  readonly minChinese?: number | undefined
  /** Default 0.3. */
  readonly maxSymbols?: number | undefined
  /** Default 0.5. */
  readonly maxRepetition?: number | undefined
  /** Default 0.6. */
  readonly maxRepeatedLines?: number | undefined
  /** A character model and the highest perplexity that stays; off by default. */
  readonly perplexity?: { readonly model: NgramModel; readonly max: number } | undefined
}

/** A step that drops texts by length, repetition, share of symbols and of Chinese, and perplexity under a small character model. */
export function quality({
  minLength = 8,
  maxLength = 100_000,
  minChinese = 0.3,
  maxSymbols = 0.3,
  maxRepetition = 0.5,
  maxRepeatedLines = 0.6,
  perplexity,
}: QualityOptions = {}): Step {
  const limits = { minLength, maxLength, minChinese, maxSymbols, maxRepetition, maxRepeatedLines }
  const model = perplexity && { max: perplexity.max, model: digest(perplexity.model.toBytes()) }
  const judge = <T extends ChimedRecord>(record: T): RowOutcome<T> => {
    const text = textOf(record)
    const measures = textMeasures(text)
    const beyond: [string, boolean, string][] = [
      ['too-short', measures.length < minLength, `${measures.length} characters`],
      ['too-long', measures.length > maxLength, `${measures.length} characters`],
      ['not-chinese', measures.chineseShare < minChinese, `${percent(measures.chineseShare)} Chinese`],
      ['symbols', measures.symbolShare > maxSymbols, `${percent(measures.symbolShare)} symbols`],
      [
        'repetition',
        measures.repetition > maxRepetition && measures.length > 40,
        `${percent(measures.repetition)} is one repeated phrase`,
      ],
      [
        'repeated-lines',
        measures.repeatedLines > maxRepeatedLines,
        `${percent(measures.repeatedLines)} of the lines occur before`,
      ],
    ]
    const hit = beyond.find(([, isBeyond]) => isBeyond)
    if (hit) return drop(hit[0], hit[2])
    if (perplexity) {
      const value = perplexity.model.perplexity(text)
      if (value > perplexity.max) return drop('perplexity', `perplexity ${value.toFixed(0)}`)
    }
    return { record }
  }
  return rowStep('quality', judge, { ...limits, perplexity: model })
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const percent = (share: number): string => `${(share * 100).toFixed(0)}%`
