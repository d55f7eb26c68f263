import {
  type Averaging,
  accuracy,
  balancedAccuracy,
  cohenKappa,
  confusionMatrix,
  matthewsCorrelation,
  multiAnswerScores,
  perClass,
  precisionRecallF1,
} from '@qilin-med/metrics'
import type { Case, Folders } from '../../kind'
import { difference, differences, type Golden, largest, numeric, readMetrics, same } from './compare'

type Averages = [precision: number, recall: number, f1: number]

interface PerClass {
  readonly precision: number[]
  readonly recall: number[]
  readonly f1: number[]
  readonly support: number[]
}

interface SingleRow {
  readonly gold: string[]
  readonly pred: string[]
  readonly labels: string[]
  readonly accuracy: number
  readonly confusion_matrix: number[][]
  readonly kappa: Golden
  readonly kappa_quadratic: Golden
  readonly kappa_linear: Golden
  readonly matthews: number
  readonly balanced_accuracy: number
  readonly macro: Averages
  readonly micro: Averages
  readonly weighted: Averages
  readonly macro_gold_labels_only: Averages
  readonly per_class_zero_division_0: PerClass
  readonly per_class_zero_division_1: PerClass
}

interface MultiRow {
  readonly gold: string[]
  readonly pred: string[]
  readonly subset_accuracy: number
  readonly hamming_loss: number
  readonly jaccard_samples: number
  readonly f1_micro: number
  readonly f1_macro: number
  readonly f1_weighted: number
  readonly f1_samples: number
}

/** scikit-learn's classification scores. */
export function classificationCases({ golden }: Folders): Case[] {
  const file = readMetrics<{ single: SingleRow[]; multi_label: MultiRow[] }>(golden, 'classification')
  if (file === undefined) return []
  return [
    ...file.single.map((row, i) =>
      numeric('classification', `single ${i} n=${row.gold.length}`, () => singleDifference(row)),
    ),
    ...file.multi_label.map((row, i) =>
      numeric('classification', `multi ${i} n=${row.gold.length}`, () => multiDifference(row)),
    ),
  ]
}

function singleDifference(row: SingleRow): number {
  const { gold, pred, labels } = row
  const averaged = (average: Averaging, only?: string[]): number[] => {
    const { precision, recall, f1 } = precisionRecallF1(gold, pred, { average, labels: only })
    return [precision, recall, f1]
  }
  const matrix = confusionMatrix(gold, pred)
  return largest([
    same(matrix.labels, labels),
    same(matrix.counts, row.confusion_matrix),
    difference(accuracy(gold, pred), row.accuracy),
    difference(cohenKappa(gold, pred), row.kappa),
    difference(cohenKappa(gold, pred, { weights: 'quadratic' }), row.kappa_quadratic),
    difference(cohenKappa(gold, pred, { weights: 'linear' }), row.kappa_linear),
    difference(matthewsCorrelation(gold, pred), row.matthews),
    difference(balancedAccuracy(gold, pred), row.balanced_accuracy),
    differences(averaged('macro'), row.macro),
    differences(averaged('micro'), row.micro),
    differences(averaged('weighted'), row.weighted),
    differences(averaged('macro', [...new Set(gold)]), row.macro_gold_labels_only),
    perClassDifference(row, 0, row.per_class_zero_division_0),
    perClassDifference(row, 1, row.per_class_zero_division_1),
  ])
}

function perClassDifference({ gold, pred, labels }: SingleRow, zeroDivision: 0 | 1, expected: PerClass): number {
  const ours = perClass(gold, pred, { labels, zeroDivision })
  return largest([
    differences(
      ours.map((c) => c.precision),
      expected.precision,
    ),
    differences(
      ours.map((c) => c.recall),
      expected.recall,
    ),
    differences(
      ours.map((c) => c.f1),
      expected.f1,
    ),
    differences(
      ours.map((c) => c.support),
      expected.support,
    ),
  ])
}

function multiDifference(row: MultiRow): number {
  const ours = multiAnswerScores(row.gold, row.pred)
  return largest([
    difference(ours.exact, row.subset_accuracy),
    difference(ours.hammingLoss, row.hamming_loss),
    difference(ours.jaccard, row.jaccard_samples),
    difference(ours.f1.micro, row.f1_micro),
    difference(ours.f1.macro, row.f1_macro),
    difference(ours.f1.weighted, row.f1_weighted),
    difference(ours.f1.samples, row.f1_samples),
  ])
}
