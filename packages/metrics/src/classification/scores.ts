import { checkTexts } from '../errors'
import { labelsOf } from './labels'

/** How the scores of several classes become one: mean of classes, counts of all classes, or mean weighted by gold support. */
export type Averaging = 'macro' | 'micro' | 'weighted'

/** Precision, recall and F1 between 0 and 1. */
export interface ClassScores {
  readonly precision: number
  readonly recall: number
  readonly f1: number
}

/** Options of the averaged scores, with scikit-learn's meaning. */
export interface ScoreOptions {
  /** `weighted` by default, as the paper reports. */
  readonly average?: Averaging
  /** Classes that count; by default all that occur in gold or predicted labels. */
  readonly labels?: readonly string[]
  /** Value of a precision, recall or F1 that is 0/0; 0 by default. */
  readonly zeroDivision?: 0 | 1
}

/**
 * Share of rows whose predicted label equals the gold label.
 *
 * @throws MetricsError `length-mismatch`, `empty`
 */
export function accuracy(gold: readonly string[], predicted: readonly string[]): number {
  checkTexts('accuracy', ['gold labels', 'predicted labels'], [gold, predicted])
  return gold.reduce((hits, label, i) => hits + (label === predicted[i] ? 1 : 0), 0) / gold.length
}

/**
 * F1 weighted by the gold support of each class: every distinct answer string is a class, so `AC` and `A` are two. A class
 * that is only predicted has support 0.
 *
 * @throws MetricsError `length-mismatch`, `empty`
 */
export const weightedF1 = (gold: readonly string[], predicted: readonly string[]): number =>
  precisionRecallF1(gold, predicted, { average: 'weighted' }).f1

/**
 * Precision, recall and F1 averaged over the classes, as scikit-learn's `precision_recall_fscore_support`.
 *
 * @throws MetricsError `length-mismatch`, `empty`
 */
export function precisionRecallF1(
  gold: readonly string[],
  predicted: readonly string[],
  options: ScoreOptions = {},
): ClassScores {
  const { average = 'weighted', labels, zeroDivision = 0 } = options
  checkTexts('precisionRecallF1', ['gold labels', 'predicted labels'], [gold, predicted])
  return averageScores([...countsOf(gold, predicted, labels).values()], average, zeroDivision)
}

/** Scores of each class with its gold support, in code-point order of the labels unless given. */
export function perClass(
  gold: readonly string[],
  predicted: readonly string[],
  { labels, zeroDivision = 0 }: Omit<ScoreOptions, 'average'> = {},
): (ClassScores & { readonly label: string; readonly support: number })[] {
  checkTexts('perClass', ['gold labels', 'predicted labels'], [gold, predicted])
  return [...countsOf(gold, predicted, labels)].map(([label, counts]) => ({
    label,
    ...scoresOf(counts, zeroDivision),
    support: counts.gold,
  }))
}

/** Rows of one class: in gold, in the prediction, in both. */
export interface ClassCounts {
  gold: number
  predicted: number
  both: number
}

function countsOf(
  gold: readonly string[],
  predicted: readonly string[],
  labels?: readonly string[],
): Map<string, ClassCounts> {
  const counts = new Map<string, ClassCounts>()
  for (const label of labels ?? labelsOf(gold, predicted)) counts.set(label, { gold: 0, predicted: 0, both: 0 })
  gold.forEach((label, row) => {
    const guess = predicted[row]!
    const own = counts.get(label)
    const other = counts.get(guess)
    if (own) own.gold++
    if (other) other.predicted++
    if (own && label === guess) own.both++
  })
  return counts
}

/** Precision, recall and F1 of one class; 0/0 becomes `zeroDivision`. */
export function scoresOf({ gold, predicted, both }: ClassCounts, zeroDivision: number): ClassScores {
  return {
    precision: predicted === 0 ? zeroDivision : both / predicted,
    recall: gold === 0 ? zeroDivision : both / gold,
    f1: gold + predicted === 0 ? zeroDivision : (2 * both) / (gold + predicted),
  }
}

/** One score of many classes. */
export function averageScores(classes: readonly ClassCounts[], average: Averaging, zeroDivision: number): ClassScores {
  if (average === 'micro') {
    const sum = { gold: 0, predicted: 0, both: 0 }
    for (const counts of classes) {
      sum.gold += counts.gold
      sum.predicted += counts.predicted
      sum.both += counts.both
    }
    return scoresOf(sum, zeroDivision)
  }
  const weights = classes.map((counts) => (average === 'macro' ? 1 : counts.gold))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  if (total === 0) return { precision: zeroDivision, recall: zeroDivision, f1: zeroDivision }
  const scores = classes.map((counts) => scoresOf(counts, zeroDivision))
  const mean = (pick: (score: ClassScores) => number): number =>
    scores.reduce((sum, score, i) => sum + pick(score) * weights[i]!, 0) / total
  return { precision: mean((s) => s.precision), recall: mean((s) => s.recall), f1: mean((s) => s.f1) }
}
