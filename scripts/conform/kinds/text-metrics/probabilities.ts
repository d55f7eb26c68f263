import { averagePrecision, brierScore, calibration, logLoss, passAtK, perplexity, rocAuc } from '@qilin-med/metrics'
import type { Case, Folders } from '../../kind'
import { difference, differences, type Golden, largest, numeric, readMetrics } from './compare'

interface PerplexityRow {
  readonly logprobs: number[][]
  readonly characters: number[]
  readonly per_document: Golden[]
  readonly token_weighted: Golden
  readonly mean_of_documents: Golden
  readonly bits_per_character: Golden
  readonly bits_per_token: Golden
}

interface Bins {
  readonly ece: number
  readonly mce?: number
  readonly counts: number[]
}

interface CalibrationRow {
  readonly confidence: number[]
  readonly correct: number[]
  readonly brier: number
  readonly roc_auc?: number
  readonly average_precision?: number
  readonly log_loss?: number
  /** `equal_width_10`, `equal_mass_5`, ... */
  readonly [bins: string]: Bins | number[] | number | undefined
}

interface File {
  readonly perplexity: readonly PerplexityRow[]
  readonly calibration: readonly CalibrationRow[]
  readonly pass_at_k: readonly { n: number; c: number; k: number; value: number }[]
}

/** Perplexity, calibration, ranking and pass@k. */
export function probabilityCases({ golden }: Folders): Case[] {
  const file = readMetrics<File>(golden, 'probabilities')
  if (file === undefined) return []
  return [
    ...file.perplexity.map((row, i) => numeric('probabilities', `perplexity ${i}`, () => perplexityDifference(row))),
    ...file.calibration.map((row, i) => numeric('probabilities', `calibration ${i}`, () => calibrationDifference(row))),
    numeric('probabilities', 'pass@k', () =>
      largest(file.pass_at_k.map(({ n, c, k, value }) => difference(passAtK(n, c, k), value))),
    ),
  ]
}

function perplexityDifference(row: PerplexityRow): number {
  const ours = perplexity(row.logprobs, { characters: row.characters })
  return largest([
    differences(ours.perDocument, row.per_document),
    difference(ours.tokenWeighted, row.token_weighted),
    difference(ours.meanOfDocuments, row.mean_of_documents),
    difference(ours.bitsPerCharacter!, row.bits_per_character),
    difference(ours.bitsPerToken, row.bits_per_token),
  ])
}

function calibrationDifference(row: CalibrationRow): number {
  const { confidence, correct } = row
  const bins = Object.entries(row).flatMap(([key, value]) => {
    const match = /^equal_(width|mass)_(\d+)$/.exec(key)
    if (!match) return []
    const expected = value as Bins
    const ours = calibration(confidence, correct, {
      bins: Number(match[2]),
      binning: match[1] === 'width' ? 'equal-width' : 'equal-mass',
    })
    return [
      difference(ours.ece, expected.ece),
      expected.mce === undefined ? 0 : difference(ours.mce, expected.mce),
      differences(
        ours.bins.map((bin) => bin.count),
        expected.counts,
      ),
    ]
  })
  // The file's log loss is of clipped confidences.
  const clipped = confidence.map((value) => Math.min(Math.max(value, 1e-6), 1 - 1e-6))
  return largest([
    ...bins,
    difference(brierScore(confidence, correct), row.brier),
    row.roc_auc === undefined ? 0 : difference(rocAuc(confidence, correct), row.roc_auc),
    row.average_precision === undefined ? 0 : difference(averagePrecision(confidence, correct), row.average_precision),
    row.log_loss === undefined ? 0 : difference(logLoss(clipped, correct), row.log_loss),
  ])
}
