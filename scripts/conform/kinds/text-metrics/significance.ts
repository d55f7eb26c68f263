import {
  approximateRandomization,
  bleuMetric,
  bootstrapCorpus,
  chrfMetric,
  formatBleu,
  numpyRandom,
  type PairedResult,
  pairedBootstrap,
  sumRows,
  terMetric,
} from '@qilin-med/metrics'
import type { Case, Folders, Outcome } from '../../kind'
import {
  difference,
  differences,
  exact,
  largest,
  numeric,
  type Pair,
  readMetrics,
  readPairs,
  same,
  tolerance,
} from './compare'

interface BootstrapRow {
  readonly metric: string
  readonly score: number
  readonly mean: number
  readonly ci: number
  readonly signature: string
  readonly format: string
  readonly scores_of_first_resamples: number[]
}

interface PairedRow {
  readonly test: 'bs' | 'ar'
  readonly samples: number
  readonly signatures: Readonly<Record<string, string>>
  readonly systems: readonly string[]
  readonly results: Readonly<
    Record<string, readonly { score: number; p_value: number | null; mean: number | null; ci: number | null }[]>
  >
}

interface File {
  readonly seed: number
  readonly first_resamples: readonly number[][]
  readonly systems: Readonly<Record<string, string[]>>
  readonly bootstrap: readonly BootstrapRow[]
  readonly paired: readonly PairedRow[]
}

const bootstrapMetrics = {
  BLEU: bleuMetric(),
  CHRF: chrfMetric(),
  TER: terMetric({ normalized: true, asianSupport: true }),
}
const pairedMetrics = { BLEU: bleuMetric(), chrF2: chrfMetric() }

/** Bootstrap intervals, paired bootstrap and approximate randomisation of sacrebleu, draw for draw. */
export function significanceCases({ golden }: Folders): Case[] {
  const file = readMetrics<File>(golden, 'sacrebleu_significance')
  if (file === undefined) return []
  const pairs = readPairs(golden)
  return [
    exact('sacrebleu_significance', 'draws', () => drawDifference(file)),
    ...file.bootstrap.map((row) =>
      numeric('sacrebleu_significance', `bootstrap ${row.metric}`, () => bootstrapDifference(row, file, pairs)),
    ),
    ...file.paired.flatMap((row) =>
      Object.keys(row.results).flatMap((metric) => pairedCases(row, metric, file, pairs)),
    ),
  ]
}

function drawDifference({ seed, first_resamples: rows }: File): number {
  const random = numpyRandom(seed)
  return same(
    rows.map((row) => Array.from(random.integers(row.length, new Int32Array(row.length)))),
    rows,
  )
}

function bootstrapDifference(row: BootstrapRow, file: File, pairs: readonly Pair[]): number {
  const metric = bootstrapMetrics[row.metric as keyof typeof bootstrapMetrics]
  const [predictions, references] = [pairs.map((pair) => pair.pred), pairs.map((pair) => pair.ref)]
  const samples = Number(/\|bs:(\d+)/.exec(row.signature)?.[1])
  const ours = bootstrapCorpus<{ readonly score: number }>(metric, predictions, references, {
    samples,
    seed: file.seed,
  })
  const statistics = metric.statistics(predictions, references)
  const first = file.first_resamples.map((indices) => metric.compute(sumRows(statistics, indices), 1).score)
  const { mean, ci } = ours
  const format =
    row.metric === 'BLEU'
      ? formatBleu(bleuMetric().compute(sumRows(statistics), 1), { digits: 4, interval: { mean, ci } })
      : `${metric.name} = ${ours.score.score.toFixed(4)} (μ = ${mean.toFixed(4)} ± ${ci.toFixed(4)})`
  return largest([
    difference(ours.score.score, row.score),
    difference(mean, row.mean),
    difference(ci, row.ci),
    same(ours.signature, row.signature),
    same(format, row.format),
    differences(first, row.scores_of_first_resamples),
  ])
}

function pairedCases(row: PairedRow, metricName: string, file: File, pairs: readonly Pair[]): Case[] {
  const name = `${row.test} ${metricName} ${row.samples} samples`
  const results = (): PairedResult[] => pairedResults(row, metricName, file, pairs)
  const expected = row.results[metricName]!
  return [
    numeric('sacrebleu_significance', `${name} scores`, () =>
      largest(
        results().map((ours, k) =>
          largest([
            difference(ours.score, expected[k]!.score),
            expected[k]!.mean === null ? same(ours.mean, undefined) : difference(ours.mean!, expected[k]!.mean!),
            expected[k]!.ci === null ? same(ours.ci, undefined) : difference(ours.ci!, expected[k]!.ci!),
          ]),
        ),
      ),
    ),
    {
      path: 'text/metrics/sacrebleu_significance',
      name: `${name} p-values`,
      run: (): Outcome => ({
        difference: largest(
          results().map((ours, k) =>
            expected[k]!.p_value === null
              ? same(ours.pValue, undefined)
              : difference(ours.pValue!, expected[k]!.p_value!),
          ),
        ),
        // The draws are the same; a resample whose statistic ties with the real one may fall on either side.
        tolerance: 1 / (row.samples + 1) + tolerance,
      }),
    },
  ]
}

function pairedResults(row: PairedRow, metricName: string, file: File, pairs: readonly Pair[]): PairedResult[] {
  const metric = pairedMetrics[metricName as keyof typeof pairedMetrics]
  if (metric === undefined) throw new Error(`unknown metric ${metricName}`)
  const systems = row.systems.map((name) => ({
    name,
    predictions: file.systems[name] ?? pairs.map((pair) => pair.pred),
  }))
  const test = row.test === 'bs' ? pairedBootstrap : approximateRandomization
  return test<{ readonly score: number }>(
    metric,
    systems,
    pairs.map((pair) => pair.ref),
    { samples: row.samples, seed: file.seed },
  )
}
