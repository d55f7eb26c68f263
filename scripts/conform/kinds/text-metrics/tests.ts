import {
  bootstrapMean,
  type Interval,
  mcnemar,
  numpyRandom,
  type ProportionMethod,
  percentile,
  proportionInterval,
} from '@qilin-med/metrics'
import type { Case, Folders } from '../../kind'
import { difference, differences, type Golden, largest, numeric, readMetrics, same } from './compare'

interface Result {
  readonly statistic: Golden
  readonly p_value: Golden
}

interface McnemarRow {
  readonly table: [[number, number], [number, number]]
  readonly exact: Result
  readonly chi2: Result
  readonly chi2_corrected: Result
}

interface ScipyInterval {
  readonly low: number
  readonly high: number
  readonly standard_error: number
}

interface BootstrapRow {
  readonly correct: string
  readonly accuracy: number
  readonly own_percentile_1000: { 'percentile_2.5': number; 'percentile_97.5': number; std: number }
  readonly first_resample_means?: number[]
  readonly first_resamples?: number[][]
  readonly scipy_percentile: ScipyInterval
  readonly scipy_basic: ScipyInterval
  readonly scipy_BCa: ScipyInterval
}

interface File {
  readonly seed: number
  readonly mcnemar: readonly McnemarRow[]
  readonly proportion_interval: readonly (Readonly<Record<string, [number, number]>> & {
    readonly count: number
    readonly n: number
  })[]
  readonly bootstrap_accuracy: readonly BootstrapRow[]
  readonly percentile: readonly { values: number[]; q: number; linear: number }[]
}

/** McNemar, proportion intervals, bootstrap intervals (same draws as numpy), percentiles. */
export function testCases({ golden }: Folders): Case[] {
  const file = readMetrics<File>(golden, 'tests')
  if (file === undefined) return []
  return [
    ...file.mcnemar.map((row) =>
      numeric('tests', `mcnemar ${row.table[0][1]} ${row.table[1][0]}`, () => mcnemarDifference(row)),
    ),
    ...file.proportion_interval.map((row) =>
      numeric('tests', `proportion ${row.count} of ${row.n}`, () =>
        largest(methods.map(([key, method]) => proportionDifference(row, key, method))),
      ),
    ),
    ...file.bootstrap_accuracy.map((row) =>
      numeric('tests', `bootstrap n=${row.correct.length}`, () => bootstrapDifference(row, file.seed)),
    ),
    numeric('tests', 'percentile', () =>
      largest(file.percentile.map(({ values, q, linear }) => difference(percentile(values, q), linear))),
    ),
  ]
}

function mcnemarDifference(row: McnemarRow): number {
  const [onlyFirst, onlySecond] = [row.table[0][1], row.table[1][0]]
  const pairs = [
    [mcnemar(onlyFirst, onlySecond), row.exact],
    [mcnemar(onlyFirst, onlySecond, { method: 'chi2' }), row.chi2],
    [mcnemar(onlyFirst, onlySecond, { method: 'chi2-corrected' }), row.chi2_corrected],
  ] as const
  return largest(
    pairs.map(([ours, expected]) =>
      largest([difference(ours.statistic, expected.statistic), difference(ours.pValue, expected.p_value)]),
    ),
  )
}

const methods: readonly (readonly [key: string, method: ProportionMethod])[] = [
  ['normal', 'normal'],
  ['wilson', 'wilson'],
  ['beta', 'clopper-pearson'],
  ['agresti_coull', 'agresti-coull'],
  ['jeffreys', 'jeffreys'],
]

function proportionDifference(row: File['proportion_interval'][number], key: string, method: ProportionMethod): number {
  const { low, high } = proportionInterval(row.count, row.n, { method })
  return differences([low, high], row[key]!)
}

function bootstrapDifference(row: BootstrapRow, seed: number): number {
  const values = [...row.correct].map(Number)
  const own = bootstrapMean(values, { seed, samples: 1000 })
  const expected = row.own_percentile_1000
  const scipy = (method: 'percentile' | 'basic' | 'bca', interval: ScipyInterval): number =>
    intervalDifference(bootstrapMean(values, { seed, samples: 4999, method }), interval)
  return largest([
    difference(own.value, row.accuracy),
    intervalDifference(own, {
      low: expected['percentile_2.5'],
      high: expected['percentile_97.5'],
      standard_error: expected.std,
    }),
    firstDraws(row, values, seed),
    scipy('percentile', row.scipy_percentile),
    scipy('basic', row.scipy_basic),
    scipy('bca', row.scipy_BCa),
  ])
}

const intervalDifference = (ours: Interval, expected: ScipyInterval): number =>
  largest([
    difference(ours.low, expected.low),
    difference(ours.high, expected.high),
    difference(ours.standardError, expected.standard_error),
  ])

function firstDraws(
  { first_resamples: draws, first_resample_means: means }: BootstrapRow,
  values: readonly number[],
  seed: number,
): number {
  if (draws === undefined || means === undefined) return 0
  const random = numpyRandom(seed)
  const ours = draws.map((row) => Array.from(random.integers(values.length, new Int32Array(row.length))))
  const ourMeans = ours.map((row) => row.reduce((sum, i) => sum + values[i]!, 0) / row.length)
  return largest([same(ours, draws), differences(ourMeans, means)])
}
