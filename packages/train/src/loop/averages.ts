import type { NdArray, Results } from '@qilin-med/tensor'
import type { Report } from './programs'

/** Report of one micro-batch as numbers. */
export interface Sums {
  readonly sum: number
  readonly weight: number
  readonly metrics: Readonly<Record<string, { readonly sum: number; readonly weight: number }>>
}

const number = ({ data }: NdArray): number => Number(data[0])

/** The scalars of a report. */
export const sumsOf = ({ sum, weight, metrics }: Results<Report>): Sums => ({
  sum: number(sum as NdArray),
  weight: number(weight as NdArray),
  metrics: Object.fromEntries(
    Object.entries(metrics as Record<string, { sum: NdArray; weight: NdArray }>).map(([name, metric]) => [
      name,
      { sum: number(metric.sum), weight: number(metric.weight) },
    ]),
  ),
})

/** Loss over all micro-batches: sums are added, and divided once by the added weights. */
export const lossOf = (parts: readonly Sums[]): number =>
  parts.reduce((total, { sum }) => total + sum, 0) / parts.reduce((total, { weight }) => total + weight, 0)

/** Mean of each metric over the micro-batches in which it has a weight, every micro-batch alike, as TRL logs them. */
export const microBatchMeans = (parts: readonly Sums[]): Record<string, number> =>
  reduceMetrics(parts, (values) => {
    const counted = values.filter(({ weight }) => weight > 0)
    return counted.reduce((total, { sum, weight }) => total + sum / weight, 0) / counted.length
  })

/** Each metric over everything: sums added and divided once. */
export const overallMeans = (parts: readonly Sums[]): Record<string, number> =>
  reduceMetrics(parts, (values) => {
    const total = (of: 'sum' | 'weight') => values.reduce((sum, value) => sum + value[of], 0)
    return total('sum') / total('weight')
  })

const reduceMetrics = (
  parts: readonly Sums[],
  reduce: (values: { readonly sum: number; readonly weight: number }[]) => number,
): Record<string, number> =>
  Object.fromEntries(
    Object.keys(parts[0]?.metrics ?? {}).map((name) => [name, reduce(parts.map(({ metrics }) => metrics[name]!))]),
  )
