import { checkPaired } from '../errors'
import { clippedMatcher } from './clipped-matches'
import type { Tokenizer } from './tokenizer'
import { interner, pushToken, type TokenBuffer, tokenBuffer } from './tokens'

/** How the official CMExam scripts' BLEU is computed. */
export interface CmexamBleuOptions {
  /** Orders 1 .. n count, with equal weights; 4 by default. */
  readonly maxOrder?: number
  /** Characters (the LoRA script, default) or words of jieba (all other scripts) by passing what `loadJieba` gives. */
  readonly tokens?: 'char' | Tokenizer
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
  const { maxOrder = 4, tokens = 'char', smooth = false } = options
  checkPaired('cmexamBleu', ['predictions', 'references'], [predictions.length, references.length])
  const { matches, totals, predictionLength, referenceLength } = count(predictions, references, tokens, maxOrder)
  const add = smooth ? 1 : 0
  const precisions = matches.map((matched, n) => (totals[n]! + add > 0 ? (matched + add) / (totals[n]! + add) : 0))
  const penalty = brevityPenalty(predictionLength, referenceLength)
  const logs = precisions.reduce((sum, precision) => sum + Math.log(precision) / maxOrder, 0)
  const mean = Math.min(...precisions) > 0 ? Math.exp(logs) : 0
  return { score: 100 * mean * penalty, precisions, brevityPenalty: penalty, predictionLength, referenceLength }
}

function brevityPenalty(predictionLength: number, referenceLength: number): number {
  if (predictionLength === 0 || referenceLength === 0) return 0
  const ratio = predictionLength / referenceLength
  return ratio > 1 ? 1 : Math.exp(1 - 1 / ratio)
}

function count(
  predictions: readonly string[],
  references: readonly string[],
  cut: 'char' | Tokenizer,
  maxOrder: number,
) {
  const [prediction, reference] = [tokenBuffer(), tokenBuffer()]
  const matcher = clippedMatcher(maxOrder)
  const numbers = interner()
  const matches = new Array<number>(maxOrder).fill(0)
  const totals = new Array<number>(maxOrder).fill(0)
  let [predictionLength, referenceLength] = [0, 0]
  for (let row = 0; row < predictions.length; row++) {
    fill(reference, references[row]!, cut, numbers)
    fill(prediction, predictions[row]!, cut, numbers)
    matcher.start(prediction)
    matcher.reference(reference)
    matcher.matches(matches, 0)
    predictionLength += prediction.length
    referenceLength += reference.length
    for (let n = 0; n < maxOrder; n++) totals[n]! += Math.max(0, prediction.length - n)
  }
  return { matches, totals, predictionLength, referenceLength }
}

function fill(
  buffer: TokenBuffer,
  text: string,
  cut: 'char' | Tokenizer,
  numbers: { id(token: string): number },
): void {
  buffer.length = 0
  for (const token of cut === 'char' ? text : cut.cut(text)) pushToken(buffer, numbers.id(token))
}
