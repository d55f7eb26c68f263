import { expect, it } from 'vitest'
import { lossOf, microBatchMeans, overallMeans } from './averages'

const part = (sum: number, weight: number, metric: { sum: number; weight: number } = { sum: 0, weight: 0 }) => ({
  sum,
  weight,
  metrics: { metric },
})

it('lossOf counts every token alike: one token at 4 and three at 1 are 7/4, not (4 + 1)/2', () => {
  expect(lossOf([part(4, 1), part(3, 3)])).toBe(7 / 4)
})

it('microBatchMeans counts every micro-batch alike, overallMeans every token', () => {
  const parts = [part(1, 1, { sum: 4, weight: 1 }), part(1, 1, { sum: 3, weight: 3 })]
  expect(microBatchMeans(parts)).toEqual({ metric: 5 / 2 })
  expect(overallMeans(parts)).toEqual({ metric: 7 / 4 })
})

it('microBatchMeans leaves out micro-batches in which a metric has no weight', () => {
  expect(microBatchMeans([part(1, 1, { sum: 2, weight: 1 }), part(1, 1)])).toEqual({ metric: 2 })
})
