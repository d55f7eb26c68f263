import { checkPaired, MetricsError } from '../errors'

/** How well confidences match how often they are right. */
export interface Calibration {
  /** Expected calibration error: mean gap of confidence and accuracy over the bins, weighted by their rows. */
  readonly ece: number
  /** The largest gap of a bin. */
  readonly mce: number
  readonly bins: readonly CalibrationBin[]
}

/** One bin of a reliability diagram; confidence and accuracy are NaN where it is empty. */
export interface CalibrationBin {
  readonly count: number
  readonly confidence: number
  readonly accuracy: number
}

/**
 * Calibration of confidences between 0 and 1 against what came true.
 *
 * Bins of equal width are ((i/n, (i+1)/n], and 0 belongs to the first; bins of equal mass cut the sorted confidences into parts
 * whose sizes differ by one at most, larger ones first, without empty parts.
 *
 * @param correct  true or 1 where the answer was right
 * @throws MetricsError `length-mismatch`, `empty`, `value` for a confidence outside 0..1, `option` for bins below 1
 * @see Guo et al. 2017 (https://arxiv.org/abs/1706.04599)
 */
export function calibration(
  confidence: ArrayLike<number>,
  correct: ArrayLike<number | boolean>,
  {
    bins = 10,
    binning = 'equal-width',
  }: { readonly bins?: number; readonly binning?: 'equal-width' | 'equal-mass' } = {},
): Calibration {
  checkConfidences('calibration', confidence, correct)
  if (!Number.isInteger(bins) || bins < 1)
    throw new MetricsError('option', `calibration: expected at least one bin, got ${bins}. 10 or 15 are usual.`, {
      operation: 'calibration',
    })
  const groups = binning === 'equal-width' ? equalWidth(confidence, bins) : equalMass(confidence, bins)
  const result = groups.map((rows): CalibrationBin => {
    const mean = (value: (row: number) => number): number =>
      rows.reduce((sum, row) => sum + value(row), 0) / rows.length
    return {
      count: rows.length,
      confidence: mean((row) => confidence[row]!),
      accuracy: mean((row) => Number(correct[row]!)),
    }
  })
  const gaps = result
    .filter((bin) => bin.count > 0)
    .map((bin) => ({ gap: Math.abs(bin.confidence - bin.accuracy), count: bin.count }))
  return {
    ece: gaps.reduce((sum, { gap, count }) => sum + (count / confidence.length) * gap, 0),
    mce: Math.max(...gaps.map(({ gap }) => gap)),
    bins: result,
  }
}

/** Mean squared difference of confidence and outcome: 0 is perfect, 0.25 is a constant 0.5. */
export function brierScore(confidence: ArrayLike<number>, correct: ArrayLike<number | boolean>): number {
  checkConfidences('brierScore', confidence, correct)
  let sum = 0
  for (let i = 0; i < confidence.length; i++) sum += (confidence[i]! - Number(correct[i]!)) ** 2
  return sum / confidence.length
}

/** Mean negative log-probability of what came true, natural log; infinite where a confidence of 0 or 1 was wrong. */
export function logLoss(confidence: ArrayLike<number>, correct: ArrayLike<number | boolean>): number {
  checkConfidences('logLoss', confidence, correct)
  let sum = 0
  for (let i = 0; i < confidence.length; i++) sum -= correct[i] ? Math.log(confidence[i]!) : Math.log1p(-confidence[i]!)
  return sum / confidence.length
}

/** Refuses empty lists, lists of different lengths and confidences that are no probabilities. */
export function checkConfidences(
  operation: string,
  confidence: ArrayLike<number>,
  correct: ArrayLike<number | boolean>,
): void {
  checkPaired(operation, ['confidences', 'outcomes'], [confidence.length, correct.length])
  for (let index = 0; index < confidence.length; index++)
    if (!(confidence[index]! >= 0 && confidence[index]! <= 1))
      throw new MetricsError(
        'value',
        `${operation}: expected confidences between 0 and 1, got ${confidence[index]} at row ${index}. Turn scores into probabilities first.`,
        { operation, index },
      )
}

function equalWidth(confidence: ArrayLike<number>, bins: number): number[][] {
  const groups: number[][] = Array.from({ length: bins }, () => [])
  for (let row = 0; row < confidence.length; row++) {
    // The tiny amount keeps confidences such as 0.3 out of the bin above their own upper edge.
    const bin = Math.ceil(confidence[row]! * bins - 1e-12) - 1
    groups[Math.min(Math.max(bin, 0), bins - 1)]!.push(row)
  }
  return groups
}

function equalMass(confidence: ArrayLike<number>, bins: number): number[][] {
  const order = Array.from({ length: confidence.length }, (_, row) => row).sort(
    (a, b) => confidence[a]! - confidence[b]! || a - b,
  )
  const size = Math.floor(order.length / bins)
  const larger = order.length % bins
  const groups: number[][] = []
  for (let bin = 0, at = 0; bin < bins && at < order.length; bin++) {
    const end = at + size + (bin < larger ? 1 : 0)
    groups.push(order.slice(at, end))
    at = end
  }
  return groups
}
