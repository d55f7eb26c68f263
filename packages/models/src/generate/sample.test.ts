import { randomKey } from '@qilin-med/tensor'
import { expect, it } from 'vitest'
import { greedy, penalize, type SamplingOptions, sample } from './sample'

const logits = Float32Array.from([0.5, 0.25, 0.125, 0.125].map(Math.log))

/** Share of each token among 4000 draws. */
const shares = (options: SamplingOptions): number[] => {
  const counts = [0, 0, 0, 0]
  for (let i = 0; i < 4000; i++) counts[sample(logits, options, randomKey(1), i)]!++
  return counts.map((count) => count / 4000)
}

it('draws tokens as often as they are likely', () => {
  shares({}).forEach((share, id) => {
    expect(share).toBeCloseTo([0.5, 0.25, 0.125, 0.125][id]!, 1)
  })
})

it('a temperature below 1 sharpens the distribution', () => {
  expect(shares({ temperature: 0.5 })[0]).toBeCloseTo(0.25 / 0.34375, 1)
})

it('topK and topP leave the rest out', () => {
  expect(shares({ topK: 2 }).slice(2)).toEqual([0, 0])
  expect(shares({ topP: 0.7 }).slice(2)).toEqual([0, 0])
  expect(shares({ topP: 0.5 })).toEqual([1, 0, 0, 0])
})

it('greedy takes the first of equals', () => {
  expect(greedy(Float32Array.of(1, 3, 3))).toBe(1)
})

it('a penalty makes seen tokens less likely, whatever their sign', () => {
  const scores = Float32Array.of(2, -2, 1)
  penalize(scores, new Set([0, 1]), 2)
  expect([...scores]).toEqual([1, -4, 1])
})
