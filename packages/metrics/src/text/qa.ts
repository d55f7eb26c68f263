import { checkTexts } from '../errors'
import type { PrecisionRecall } from './precision-recall'
import { isWhitespace } from './whitespace'

/** Agreement of short answers, each value a mean between 0 and 1. */
export interface AnswerMatch {
  /** Share of answers equal after `normalizeAnswer`. */
  readonly exactMatch: number
  /** Mean of `characterF1`. */
  readonly f1: number
  /** Mean of `substringF1`. */
  readonly substringF1: number
  readonly n: number
}

/**
 * Exact match and character F1 of short answers.
 *
 * @throws MetricsError `length-mismatch`, `empty`
 */
export function answerMatch(predictions: readonly string[], references: readonly string[]): AnswerMatch {
  checkTexts('answerMatch', ['predictions', 'references'], [predictions, references])
  const mean = (score: (prediction: string, reference: string) => number): number =>
    predictions.reduce((sum, prediction, i) => sum + score(prediction, references[i]!), 0) / predictions.length
  return {
    exactMatch: mean((prediction, reference) => (exactMatch(prediction, reference) ? 1 : 0)),
    f1: mean((prediction, reference) => characterF1(prediction, reference).f),
    substringF1: mean(substringF1),
    n: predictions.length,
  }
}

/** Whether two answers are equal after `normalizeAnswer`. */
export const exactMatch = (prediction: string, reference: string): boolean =>
  normalizeAnswer(prediction) === normalizeAnswer(reference)

const asianMarks = new Set('，。！？；：、“”‘’（）《》【】—…·～￥')

/** `text` in lower case without white space, ASCII punctuation and the marks ，。！？；：、“”‘’（）《》【】—…·～￥. */
export function normalizeAnswer(text: string): string {
  let kept = ''
  for (const character of text.toLowerCase()) if (!isMark(character)) kept += character
  return kept
}

function isMark(character: string): boolean {
  const code = character.codePointAt(0)!
  if (code > 0x20 && code < 0x7f) return !/[a-z0-9]/i.test(character)
  return isWhitespace(code) || asianMarks.has(character)
}

/**
 * Overlap of two answers as bags of characters, as SQuAD's F1 counts words. Both empty gives 1, one empty 0.
 *
 * @see Rajpurkar et al. 2016 (https://arxiv.org/abs/1606.05250)
 */
export function characterF1(prediction: string, reference: string): PrecisionRecall {
  const [said, wanted] = [[...normalizeAnswer(prediction)], [...normalizeAnswer(reference)]]
  if (said.length === 0 || wanted.length === 0) {
    const value = said.length === wanted.length ? 1 : 0
    return { precision: value, recall: value, f: value }
  }
  const left = new Map<string, number>()
  for (const character of wanted) left.set(character, (left.get(character) ?? 0) + 1)
  let both = 0
  for (const character of said) {
    const count = left.get(character) ?? 0
    if (count > 0) both++
    left.set(character, count - 1)
  }
  const [precision, recall] = [both / said.length, both / wanted.length]
  return { precision, recall, f: both === 0 ? 0 : (2 * precision * recall) / (precision + recall) }
}

/** F1 of two answers by the length of their longest common contiguous part, as CMRC 2018 counts. */
export function substringF1(prediction: string, reference: string): number {
  const [said, wanted] = [[...normalizeAnswer(prediction)], [...normalizeAnswer(reference)]]
  const common = longestCommonSubstring(said, wanted)
  if (common === 0) return said.length === 0 && wanted.length === 0 ? 1 : 0
  const [precision, recall] = [common / said.length, common / wanted.length]
  return (2 * precision * recall) / (precision + recall)
}

function longestCommonSubstring(a: readonly string[], b: readonly string[]): number {
  let best = 0
  let above = new Int32Array(b.length + 1)
  let row = new Int32Array(b.length + 1)
  for (const character of a) {
    for (let j = 0; j < b.length; j++) {
      row[j + 1] = character === b[j] ? above[j]! + 1 : 0
      best = Math.max(best, row[j + 1]!)
    }
    ;[above, row] = [row, above]
  }
  return best
}
