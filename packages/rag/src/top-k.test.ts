import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { topK } from './top-k'

/** Sorts everything: score descending, place ascending. */
const sorted = (scores: readonly number[], k: number, floor: number): number[] =>
  scores
    .map((score, i) => ({ score, i }))
    .filter(({ score }) => score > floor)
    .sort((a, b) => b.score - a.score || a.i - b.i)
    .slice(0, k)
    .map(({ i }) => i)

describe('topK', () => {
  it('equals sorting everything, ties and infinities included', () => {
    const score = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true }))
    fc.assert(
      fc.property(fc.array(score), fc.nat(12), fc.constantFrom(-Infinity, 0), (scores, k, floor) => {
        expect(topK(Float64Array.from(scores), k, floor)).toEqual(sorted(scores, k, floor))
      }),
    )
  })

  it('leaves NaN out', () => {
    expect(topK(Float64Array.of(Number.NaN, 1, Number.NaN, 2), 3)).toEqual([3, 1])
  })
})
