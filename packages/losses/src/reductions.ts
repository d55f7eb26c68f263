import { type Dim, dimensionSize, scatterRows, stopGradient, sum, type Tensor } from '@qilin-med/tensor'
import type { LossResult, Metric } from './types'

/** Length of a dimension as a float32 scalar. */
export const count = (dim: Dim): Tensor => dimensionSize(dim, 'float32')

/**
 * A loss from one value per pair (or per sequence): their sum, and how many there are.
 *
 * @param losses  [P]
 * @param metrics what to log beside it
 */
export const perPair = (losses: Tensor, metrics: Readonly<Record<string, Metric>> = {}): LossResult => ({
  sum: sum(losses),
  weight: count(losses.shape[0]!),
  metrics,
})

/** Mean of `values`, a vector, as sum and weight; carries no gradient. */
export const meanMetric = (values: Tensor): Metric => ({
  sum: stopGradient(sum(values)),
  weight: count(values.shape[0]!),
})

/** Σ values / Σ weights, as sum and weight; carries no gradient. */
export const ratioMetric = (values: Tensor, weights: Tensor): Metric => ({
  sum: stopGradient(sum(values)),
  weight: stopGradient(sum(weights)),
})

/** Sums one value per token over the tokens of each sequence: [N] → [S]. */
export const sumBySequence = (values: Tensor, sequences: Tensor, sequenceCount: Dim): Tensor =>
  scatterRows(values, sequences, sequenceCount, [])
