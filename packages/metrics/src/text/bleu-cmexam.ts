import { checkTexts } from '../errors'
import { clippedMatcher } from './clipped-matches'
import { type Statistics, sumRows } from './corpus-metric'
import type { Tokenizer } from './tokenizer'
import { interner, pushToken, type TokenBuffer, tokenBuffer } from './tokens'
import { isWhitespace } from './whitespace'

/** How the official CMExam scripts' BLEU is computed. */
export interface CmexamBleuOptions {
  /** Orders 1 .. n count, with equal weights; 4 by default. */
  readonly maxOrder?: number
  /**
   * Every character (default), `visible` characters only (the LoRA script, whose split drops white space), or words of jieba (all
   * other scripts) by passing what `loadJieba` gives.
   */
  readonly tokens?: 'char' | 'visible' | Tokenizer
  /** Add 1 to numerator and denominator of every order. */
  readonly smooth?: boolean
}

/** BLEU of the official scripts, between 0 and 100. */
export interface CmexamBleu {
  readonly score: number
  /** Precision of each order, between 0 and 1. */
  readonly precisions: readonly number[]
  readonly brevityPenalty: number
  readonly predictionLength: number
  readonly referenceLength: number
}

/**
 * Corpus BLEU as the evaluation scripts of CMExam and Qilin-Med compute it: one reference, clipped counts summed over the
 * corpus, no smoothing by default, so that an order without a match makes the score 0.
 *
 * Where the scripts divide by zero (all predictions or all references empty) the score is 0.
 *
 * @throws MetricsError `length-mismatch`, `empty`
 * @see https://github.com/williamliujl/CMExam, `evaluate/bleu.py`
 */
export function cmexamBleu(
  predictions: readonly string[],
  references: readonly string[],
  options: CmexamBleuOptions = {},
): CmexamBleu {
  const { maxOrder = 4, smooth = false } = options
  const statistics = cmexamBleuStatistics(predictions, references, options)
  return cmexamBleuOf(sumRows(statistics), maxOrder, smooth)
}

/**
 * Rows of [prediction length, reference length, matches of order 1..n, n-grams of order 1..n], which `cmexamBleuOf` scores once
 * summed.
 */
export function cmexamBleuStatistics(
  predictions: readonly string[],
  references: readonly string[],
  { maxOrder = 4, tokens = 'char' }: CmexamBleuOptions = {},
): Statistics {
  checkTexts('cmexamBleu', ['predictions', 'references'], [predictions, references])
  const [prediction, reference] = [tokenBuffer(), tokenBuffer()]
  const matcher = clippedMatcher(maxOrder)
  const numbers = interner()
  const width = 2 + 2 * maxOrder
  const values = new Float64Array(predictions.length * width)
  for (let row = 0; row < predictions.length; row++) {
    fill(reference, references[row]!, tokens, numbers)
    fill(prediction, predictions[row]!, tokens, numbers)
    matcher.start(prediction)
    matcher.reference(reference)
    const at = row * width
    values[at] = prediction.length
    values[at + 1] = reference.length
    matcher.matches(values, at + 2)
    for (let n = 0; n < maxOrder; n++) values[at + 2 + maxOrder + n] = Math.max(0, prediction.length - n)
  }
  return { rows: predictions.length, width, values, references: 1 }
}

/** BLEU up to `order` from summed statistics of `maxOrder` (by default the same). */
export function cmexamBleuOf(sum: ArrayLike<number>, maxOrder: number, smooth: boolean, order = maxOrder): CmexamBleu {
  const [predictionLength, referenceLength] = [sum[0]!, sum[1]!]
  const add = smooth ? 1 : 0
  const precisions = Array.from({ length: order }, (_, n) => {
    const total = sum[2 + maxOrder + n]! + add
    return total > 0 ? (sum[2 + n]! + add) / total : 0
  })
  const penalty = brevityPenalty(predictionLength, referenceLength)
  const logs = precisions.reduce((total, precision) => total + Math.log(precision) / order, 0)
  const mean = Math.min(...precisions) > 0 ? Math.exp(logs) : 0
  return { score: 100 * mean * penalty, precisions, brevityPenalty: penalty, predictionLength, referenceLength }
}

function brevityPenalty(predictionLength: number, referenceLength: number): number {
  if (predictionLength === 0 || referenceLength === 0) return 0
  const ratio = predictionLength / referenceLength
  return ratio > 1 ? 1 : Math.exp(1 - 1 / ratio)
}

function fill(
  buffer: TokenBuffer,
  text: string,
  cut: 'char' | 'visible' | Tokenizer,
  numbers: { id(token: string): number },
): void {
  buffer.length = 0
  if (typeof cut !== 'string') {
    for (const word of cut.cut(text)) pushToken(buffer, numbers.id(word))
    return
  }
  for (const character of text) {
    const code = character.codePointAt(0)!
    if (cut === 'char' || !isWhitespace(code)) pushToken(buffer, code)
  }
}
