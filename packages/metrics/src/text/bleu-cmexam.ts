import { checkPaired } from '../errors'
import { counters, ngramTable } from './ngrams'
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
  const table = ngramTable()
  const limitStore = counters()
  const numbers = interner()
  const matches = new Array<number>(maxOrder).fill(0)
  const totals = new Array<number>(maxOrder).fill(0)
  let [predictionLength, referenceLength] = [0, 0]
  for (let row = 0; row < predictions.length; row++) {
    fill(reference, references[row]!, cut, numbers)
    fill(prediction, predictions[row]!, cut, numbers)
    predictionLength += prediction.length
    referenceLength += reference.length
    table.reset()
    const referenceGrams = table.number(reference, maxOrder, true, 0)
    const limits = limitStore.cleared(table.size)
    const predictionGrams = table.number(prediction, maxOrder, false, 1)
    for (let order = 1; order <= maxOrder; order++) {
      const at = (order - 1) * reference.length
      for (let i = 0; i + order <= reference.length; i++) limits[referenceGrams[at + i]!]!++
      const from = (order - 1) * prediction.length
      for (let i = 0; i + order <= prediction.length; i++) {
        const id = predictionGrams[from + i]!
        if (id >= 0 && limits[id]!-- > 0) matches[order - 1]!++
      }
      totals[order - 1]! += Math.max(0, prediction.length - order + 1)
    }
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
