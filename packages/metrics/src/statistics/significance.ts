import { MetricsError } from '../errors'
import { type CorpusMetric, float64, type Rounding, type Statistics, sumRows } from '../text/corpus-metric'
import type { References } from '../text/references'
import { numpyRandom } from './random'

/** A corpus score with its bootstrap mean and half interval. */
export interface BootstrappedScore<Score> {
  readonly score: Score
  /** Mean over the resamples. */
  readonly mean: number
  /** Half the width of the 95% interval. */
  readonly ci: number
  readonly signature: string
  /** The resamples' scores, in the order drawn. */
  readonly scores: Float64Array
}

/** How many resamples or shuffles, and from which seed. */
export interface ResamplingOptions {
  readonly samples?: number
  /** 12345 by default, as in sacrebleu. */
  readonly seed?: number
}

/**
 * A corpus score with its bootstrap interval, number for number as sacrebleu's `n_bootstrap`: the same generator, and sums
 * and scores of the resamples in float32 as there.
 *
 * @throws MetricsError `length-mismatch`, `empty`, `missing-reference`
 */
export function bootstrapCorpus<Score extends { readonly score: number }>(
  metric: CorpusMetric<Score>,
  predictions: readonly string[],
  references: References,
  { samples = 1000, seed = 12345 }: ResamplingOptions = {},
): BootstrappedScore<Score> {
  const statistics = metric.statistics(predictions, references)
  const scores = resampledScores(metric, [statistics], samples, seed)[0]!
  const round = roundingOf(metric)
  return {
    score: metric.compute(sumRows(statistics), statistics.references),
    // The mean is Python's exact one, rounded to the scores' own precision.
    mean: round(scores.reduce((sum, x) => sum + x, 0) / samples),
    ci: halfInterval(scores, round),
    signature: metric.signature(statistics.references, { samples, seed }),
    scores,
  }
}

/** One system against the baseline. */
export interface PairedResult {
  readonly name: string
  readonly score: number
  /**
   * Chance of a difference this large if both were equally good; undefined for the baseline. Systems with the same predictions get the
   * smallest value, 1 / (samples + 1), since no draw exceeds a difference of 0: look at the scores first.
   */
  readonly pValue: number | undefined
  /** Mean over the resamples (paired bootstrap only). */
  readonly mean: number | undefined
  /** Half the width of the 95% interval (paired bootstrap only). */
  readonly ci: number | undefined
}

/** A named list of predictions for the same references. */
export interface System {
  readonly name: string
  readonly predictions: readonly string[]
}

/**
 * Paired bootstrap test of systems against the first one: are the differences larger than resampling alone makes them?
 *
 * @throws MetricsError `length-mismatch`, `empty`, `option` without a second system
 * @see Koehn 2004 (https://aclanthology.org/W04-3250); sacrebleu `--paired-bs`
 */
export function pairedBootstrap<Score extends { readonly score: number }>(
  metric: CorpusMetric<Score>,
  systems: readonly System[],
  references: References,
  { samples = 1000, seed = 12345 }: ResamplingOptions = {},
): PairedResult[] {
  const statistics = statisticsOf('pairedBootstrap', metric, systems, references)
  const scores = statistics.map(({ score }) => score)
  const resampled = resampledScores(
    metric,
    statistics.map((s) => s.statistics),
    samples,
    seed,
  )
  const round = roundingOf(metric)
  return systems.map(({ name }, k) => {
    const own = resampled[k]!
    const shared = {
      name,
      score: scores[k]!,
      mean: meanOf(Float64Array.from(own).sort(), round),
      ci: halfInterval(own, round),
    }
    if (k === 0) return { ...shared, pValue: undefined }
    return { ...shared, pValue: bootstrapPValue(own, resampled[0]!, Math.abs(scores[0]! - scores[k]!), round) }
  })
}

/**
 * Approximate randomisation test of systems against the first one: how often does swapping rows between the two at random make a
 * difference as large?
 *
 * @throws MetricsError `length-mismatch`, `empty`, `option` without a second system
 * @see Riezler and Maxwell 2005 (https://aclanthology.org/W05-0908); sacrebleu `--paired-ar`
 */
export function approximateRandomization<Score extends { readonly score: number }>(
  metric: CorpusMetric<Score>,
  systems: readonly System[],
  references: References,
  { samples = 10_000, seed = 12345 }: ResamplingOptions = {},
): PairedResult[] {
  const statistics = statisticsOf('approximateRandomization', metric, systems, references)
  const [baseline] = statistics
  return systems.map(({ name }, k) => {
    const own = statistics[k]!
    const shared = { name, score: own.score, mean: undefined, ci: undefined }
    if (k === 0) return { ...shared, pValue: undefined }
    const difference = Math.abs(baseline!.score - own.score)
    return {
      ...shared,
      pValue: shuffledPValue(metric, baseline!.statistics, own.statistics, difference, samples, seed),
    }
  })
}

function statisticsOf<Score extends { readonly score: number }>(
  operation: string,
  metric: CorpusMetric<Score>,
  systems: readonly System[],
  references: References,
): { statistics: Statistics; score: number }[] {
  if (systems.length < 2)
    throw new MetricsError(
      'option',
      `${operation}: expected a baseline and at least one more system, got ${systems.length}. Add one.`,
      {
        operation,
      },
    )
  return systems.map(({ predictions }) => {
    const statistics = metric.statistics(predictions, references)
    return { statistics, score: metric.compute(sumRows(statistics), statistics.references).score }
  })
}

/** Scores of the same draws for each system, computed in float32 like sacrebleu's. */
function resampledScores<Score extends { readonly score: number }>(
  metric: CorpusMetric<Score>,
  systems: readonly Statistics[],
  samples: number,
  seed: number,
): Float64Array[] {
  const rows = systems[0]!.rows
  const random = numpyRandom(seed)
  const indices = new Int32Array(rows)
  const scores = systems.map(() => new Float64Array(samples))
  for (let k = 0; k < samples; k++) {
    random.integers(rows, indices)
    systems.forEach((statistics, s) => {
      scores[s]![k] = metric.compute(sumRows(statistics, indices), statistics.references, Math.fround).score
    })
  }
  return scores
}

/** Precision of the scores of resamples. */
const roundingOf = (metric: { readonly float32Scores: boolean }): Rounding =>
  metric.float32Scores ? Math.fround : float64

/** sacrebleu's interval: half the distance of the 26th value from either end of a thousand. */
function halfInterval(scores: Float64Array, round: Rounding): number {
  const sorted = Float64Array.from(scores).sort()
  const left = Math.floor(sorted.length / 40)
  return round(0.5 * round(sorted[sorted.length - left - 1]! - sorted[left]!))
}

function bootstrapPValue(own: Float64Array, baseline: Float64Array, difference: number, round: Rounding): number {
  const differences = own.map((score, i) => Math.abs(round(score - baseline[i]!)))
  const mean = meanOf(differences, round)
  let larger = 0
  for (const value of differences) if (round(value - mean) > round(difference)) larger++
  return (larger + 1) / (own.length + 1)
}

function shuffledPValue<Score extends { readonly score: number }>(
  metric: CorpusMetric<Score>,
  baseline: Statistics,
  system: Statistics,
  difference: number,
  samples: number,
  seed: number,
): number {
  const { rows, width, references } = baseline
  const random = numpyRandom(seed)
  const keep = random.bits(new Uint8Array(rows * samples))
  const [first, second] = [new Float64Array(width), new Float64Array(width)]
  let larger = 0
  for (let k = 0; k < samples; k++) {
    first.fill(0)
    second.fill(0)
    for (let row = 0; row < rows; row++) {
      const [one, other] = keep[k * rows + row] ? [baseline, system] : [system, baseline]
      for (let i = 0; i < width; i++) {
        first[i]! += one.values[row * width + i]!
        second[i]! += other.values[row * width + i]!
      }
    }
    if (Math.abs(metric.compute(first, references).score - metric.compute(second, references).score) > difference)
      larger++
  }
  return (larger + 1) / (samples + 1)
}

/** Mean as numpy takes it: pairwise sums in the values' own precision. */
const meanOf = (values: Float64Array, round: Rounding): number =>
  round(pairwiseSum(values, 0, values.length, round) / values.length)

/** numpy's summation: eight running sums over blocks of up to 128 values, blocks added in a tree. */
function pairwiseSum(values: Float64Array, from: number, count: number, round: Rounding): number {
  if (count < 8) {
    let sum = 0
    for (let i = 0; i < count; i++) sum = round(sum + values[from + i]!)
    return sum
  }
  if (count > 128) {
    const half = Math.floor(count / 2) - (Math.floor(count / 2) % 8)
    return round(pairwiseSum(values, from, half, round) + pairwiseSum(values, from + half, count - half, round))
  }
  const lanes = values.slice(from, from + 8)
  let i = 8
  for (; i + 8 <= count; i += 8)
    for (let lane = 0; lane < 8; lane++) lanes[lane] = round(lanes[lane]! + values[from + i + lane]!)
  const pair = (a: number): number => round(lanes[a]! + lanes[a + 1]!)
  let sum = round(round(pair(0) + pair(2)) + round(pair(4) + pair(6)))
  for (; i < count; i++) sum = round(sum + values[from + i]!)
  return sum
}
