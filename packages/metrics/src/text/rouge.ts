import { checkTexts, MetricsError } from '../errors'
import { lcsLength, lcsPositions } from './lcs'
import { type OverlapCounter, overlapCounter } from './ngram-overlap'
import type { PrecisionRecall } from './precision-recall'
import type { Tokenizer } from './tokenizer'
import { interner, pushToken, type TokenBuffer, tokenBuffer } from './tokens'
import { isWhitespace } from './whitespace'

/** What counts as a token in ROUGE. */
export interface RougeOptions {
  /**
   * `char`, every code point that is not white space, by default; `latin`, the lower-case runs of ASCII letters and digits
   * that rouge-score uses (it drops Chinese altogether); or words by passing what `loadJieba` gives.
   */
  readonly tokens?: 'char' | 'latin' | Tokenizer
}

/** ROUGE of a list of predictions: means of the pairs' values, between 0 and 1. */
export interface Rouge {
  readonly rouge1: PrecisionRecall
  readonly rouge2: PrecisionRecall
  readonly rougeL: PrecisionRecall
  readonly rougeLsum: PrecisionRecall
}

/**
 * ROUGE-1, ROUGE-2, ROUGE-L and ROUGE-Lsum with the definitions of Google's rouge-score: clipped counts, F1, one reference
 * for each prediction.
 *
 * @throws MetricsError `length-mismatch`, `empty`
 * @see Lin 2004 (https://aclanthology.org/W04-1013)
 */
export function rouge(
  predictions: readonly string[],
  references: readonly string[],
  options: RougeOptions = {},
): Rouge {
  checkTexts('rouge', ['predictions', 'references'], [predictions, references])
  const scorer = rougeScorer(options)
  const rows = predictions.map((prediction, i) => scorer(prediction, references[i]!))
  return {
    rouge1: meanOf(rows.map((row) => row.rouge1)),
    rouge2: meanOf(rows.map((row) => row.rouge2)),
    rougeL: meanOf(rows.map((row) => row.rougeL)),
    rougeLsum: meanOf(rows.map((row) => row.rougeLsum)),
  }
}

/** ROUGE-N of one prediction: clipped n-gram overlap. */
export function rougeN(prediction: string, reference: string, n: number, options: RougeOptions = {}): PrecisionRecall {
  if (!Number.isInteger(n) || n < 1)
    throw new MetricsError('option', `rougeN: expected n of at least 1, got ${n}. ROUGE-1 and ROUGE-2 are usual.`, {
      operation: 'rougeN',
    })
  const fill = fillerOf(options)
  const [left, right] = [filled(fill, prediction), filled(fill, reference)]
  return ofOverlap(overlapCounter().count(left, right, n, false)[n - 1]!)
}

/** ROUGE-L of one prediction: longest common subsequence of the whole texts. */
export function rougeL(prediction: string, reference: string, options: RougeOptions = {}): PrecisionRecall {
  const fill = fillerOf(options)
  return ofSubsequence(filled(fill, prediction), filled(fill, reference))
}

/** ROUGE-Lsum of one prediction: each line of the reference against all lines of the prediction, tokens counted once. */
export function rougeLsum(prediction: string, reference: string, options: RougeOptions = {}): PrecisionRecall {
  return ofSummary(prediction, reference, fillerOf(options))
}

/** Scores pair after pair with shared memory. */
export function rougeScorer(options: RougeOptions = {}): (prediction: string, reference: string) => Rouge {
  const fill = fillerOf(options)
  const overlaps: OverlapCounter = overlapCounter()
  const [left, right] = [tokenBuffer(), tokenBuffer()]
  return (prediction, reference) => {
    fill(left, prediction)
    fill(right, reference)
    const [unigrams, bigrams] = overlaps.count(left, right, 2, false)
    const rougeL = ofSubsequence(left, right)
    // Without line breaks the summary is one sentence, for which both definitions agree.
    const oneLine = !prediction.includes('\n') && !reference.includes('\n')
    return {
      rouge1: ofOverlap(unigrams!),
      rouge2: ofOverlap(bigrams!),
      rougeL,
      rougeLsum: oneLine ? rougeL : ofSummary(prediction, reference, fill),
    }
  }
}

type Filler = (buffer: TokenBuffer, text: string) => void

function fillerOf({ tokens = 'char' }: RougeOptions): Filler {
  if (tokens === 'char') return fillCharacters
  const words = interner()
  return (buffer, text) => {
    buffer.length = 0
    const cut = tokens === 'latin' ? (text.toLowerCase().match(/[a-z0-9]+/g) ?? []) : tokens.cut(text).filter(isVisible)
    for (const word of cut) pushToken(buffer, words.id(word))
  }
}

function fillCharacters(buffer: TokenBuffer, text: string): void {
  buffer.length = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i)!
    if (code > 0xffff) i++
    if (!isWhitespace(code)) pushToken(buffer, code)
  }
}

const isVisible = (word: string): boolean => [...word].some((c) => !isWhitespace(c.codePointAt(0)!))

function filled(fill: Filler, text: string): TokenBuffer {
  const buffer = tokenBuffer(Math.max(16, text.length))
  fill(buffer, text)
  return buffer
}

const nothing: PrecisionRecall = { precision: 0, recall: 0, f: 0 }

const withF = (precision: number, recall: number): PrecisionRecall => ({
  precision,
  recall,
  f: precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0,
})

const ofOverlap = ({
  prediction,
  reference,
  both,
}: {
  prediction: number
  reference: number
  both: number
}): PrecisionRecall => withF(both / Math.max(prediction, 1), both / Math.max(reference, 1))

function ofSubsequence(prediction: TokenBuffer, reference: TokenBuffer): PrecisionRecall {
  if (prediction.length === 0 || reference.length === 0) return nothing
  const common = lcsLength(reference.ids, reference.length, prediction.ids, prediction.length)
  return withF(common / prediction.length, common / reference.length)
}

function ofSummary(prediction: string, reference: string, fill: Filler): PrecisionRecall {
  const lines = (text: string): TokenBuffer[] =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => filled(fill, line))
  const [said, wanted] = [lines(prediction), lines(reference)]
  const length = (buffers: readonly TokenBuffer[]): number => buffers.reduce((sum, buffer) => sum + buffer.length, 0)
  if (length(said) === 0 || length(wanted) === 0) return nothing
  const leftToSay = countTokens(said)
  const leftToFind = countTokens(wanted)
  let hits = 0
  for (const line of wanted) {
    const union = new Set(said.flatMap((other) => lcsPositions(line, other)))
    for (const position of [...union].sort((a, b) => a - b)) {
      const token = line.ids[position]!
      const [can, want] = [leftToSay.get(token) ?? 0, leftToFind.get(token) ?? 0]
      if (can === 0 || want === 0) continue
      hits++
      leftToSay.set(token, can - 1)
      leftToFind.set(token, want - 1)
    }
  }
  return withF(hits / length(said), hits / length(wanted))
}

function countTokens(buffers: readonly TokenBuffer[]): Map<number, number> {
  const counts = new Map<number, number>()
  for (const { ids, length } of buffers)
    for (let i = 0; i < length; i++) counts.set(ids[i]!, (counts.get(ids[i]!) ?? 0) + 1)
  return counts
}

function meanOf(values: readonly PrecisionRecall[]): PrecisionRecall {
  const mean = (pick: (value: PrecisionRecall) => number): number =>
    values.reduce((sum, value) => sum + pick(value), 0) / values.length
  return { precision: mean((v) => v.precision), recall: mean((v) => v.recall), f: mean((v) => v.f) }
}
