import { textOf } from '../record'
import { drop } from '../sources/source'
import { rowStep, type Step } from '../step'
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

const letters = /\p{L}/gu
const chinese = /\p{Script=Han}/gu
const ordinary = /[\p{L}\p{N}\s，。！？；：、“”‘’（）《》〈〉【】—…·.,!?;:'"()\-/%+<>=~～°℃]/gu

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0

/** Measures of a text; shares are between 0 and 1. */
export function textMeasures(text: string): TextMeasures {
  const characters = Math.max(1, text.length)
  const letterCount = count(text, letters)
  const lines = text.split('\n').filter((line) => line.trim().length > 5)
  return {
    length: text.length,
    chineseShare: letterCount === 0 ? 0 : count(text, chinese) / letterCount,
    symbolShare: Math.max(0, 1 - count(text, ordinary) / [...text].length || 0),
    repetition: repeatedShare(text, 10) / characters,
    repeatedLines: lines.length === 0 ? 0 : 1 - new Set(lines).size / lines.length,
  }
}

/** Characters covered by the most frequent n-gram, if it occurs more than once. */
function repeatedShare(text: string, n: number): number {
  const seen = new Map<string, number>()
  let most = 1
  let best = ''
  for (let i = 0; i + n <= text.length; i++) {
    const gram = text.slice(i, i + n)
    const times = (seen.get(gram) ?? 0) + 1
    seen.set(gram, times)
    if (times > most) {
      most = times
      best = gram
    }
  }
  if (most < 2) return 0
  let covered = 0
  let end = 0
  for (let at = text.indexOf(best); at >= 0; at = text.indexOf(best, at + 1)) {
    covered += at + n - Math.max(at, end)
    end = at + n
  }
  return covered
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
  return rowStep('quality', (record) => {
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
  })
}

const percent = (share: number): string => `${(share * 100).toFixed(0)}%`
