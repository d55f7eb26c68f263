import { checkTexts } from '../errors'
import { lcsLength } from './lcs'
import { type Overlap, overlapCounter } from './ngram-overlap'
import type { PrecisionRecall } from './precision-recall'
import { pushToken, type TokenBuffer, tokenBuffer } from './tokens'

/** ROUGE of the official scripts in percent, means over the examples. */
export interface CmexamRouge {
  readonly rouge1: PrecisionRecall
  readonly rouge2: PrecisionRecall
  readonly rougeL: PrecisionRecall
}

/**
 * ROUGE-1, ROUGE-2 and ROUGE-L in percent as the evaluation scripts of CMExam and Qilin-Med compute them, on characters.
 *
 * Their definitions are their own: n-grams are sets, F has 1e-8 in its denominator, and F of ROUGE-L weighs recall by
 * (P/R)², which equals PR(P² + R²)/(P³ + R³). A space in the text counts as two empty tokens and an empty text as one.
 * Some of the scripts swap prediction and reference: F stays, the printed precision and recall change places.
 *
 * @throws MetricsError `length-mismatch`, `empty`
 * @see https://github.com/williamliujl/CMExam, `evaluate/rouge.py`
 */
export function cmexamRouge(predictions: readonly string[], references: readonly string[]): CmexamRouge {
  const rows = cmexamRougeRows(predictions, references)
  return { rouge1: meanPercent(rows.rouge1), rouge2: meanPercent(rows.rouge2), rougeL: meanPercent(rows.rougeL) }
}

/** The three values of every pair, between 0 and 1. */
export function cmexamRougeRows(
  predictions: readonly string[],
  references: readonly string[],
): Record<'rouge1' | 'rouge2' | 'rougeL', PrecisionRecall[]> {
  checkTexts('cmexamRouge', ['predictions', 'references'], [predictions, references])
  const overlaps = overlapCounter()
  const [prediction, reference] = [tokenBuffer(), tokenBuffer()]
  const rows = { rouge1: [], rouge2: [], rougeL: [] } as Record<'rouge1' | 'rouge2' | 'rougeL', PrecisionRecall[]>
  for (let row = 0; row < predictions.length; row++) {
    fill(prediction, predictions[row]!)
    fill(reference, references[row]!)
    const [unigrams, bigrams] = overlaps.count(prediction, reference, 2, true)
    rows.rouge1.push(fOfSets(unigrams!))
    rows.rouge2.push(fOfSets(bigrams!))
    rows.rougeL.push(fOfSubsequence(prediction, reference))
  }
  return rows
}

function meanPercent(rows: readonly PrecisionRecall[]): PrecisionRecall {
  const mean = (pick: (row: PrecisionRecall) => number): number =>
    (100 / rows.length) * rows.reduce((sum, row) => sum + pick(row), 0)
  return { precision: mean((row) => row.precision), recall: mean((row) => row.recall), f: mean((row) => row.f) }
}

/** Number of the empty token; a space never is a token of its own here. */
const emptyToken = 0x20

function fill(buffer: TokenBuffer, text: string): void {
  buffer.length = 0
  if (text === '') pushToken(buffer, emptyToken)
  for (const character of text) {
    pushToken(buffer, character.codePointAt(0)!)
    if (character === ' ') pushToken(buffer, emptyToken)
  }
}

function fOfSets({ prediction, reference, both }: Overlap): PrecisionRecall {
  const precision = prediction === 0 ? 0 : both / prediction
  const recall = reference === 0 ? 0 : both / reference
  return { precision, recall, f: 2 * ((precision * recall) / (precision + recall + 1e-8)) }
}

function fOfSubsequence(prediction: TokenBuffer, reference: TokenBuffer): PrecisionRecall {
  const common = lcsLength(reference.ids, reference.length, prediction.ids, prediction.length)
  const precision = common / prediction.length
  const recall = common / reference.length
  const beta = precision / (recall + 1e-12)
  const f = ((1 + beta ** 2) * recall * precision) / (recall + beta ** 2 * precision + 1e-12)
  return { precision, recall, f }
}
