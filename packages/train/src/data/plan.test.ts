import { describe, expect, it } from 'vitest'
import { epochOrder } from './order'
import { planSteps } from './plan'

const plan = (rows: number, options: Partial<Parameters<typeof planSteps>[1]> = {}) =>
  planSteps(rows, { batch: { rows: 2, accumulate: 3 }, length: { epochs: 1 }, seed: 7, shuffle: true, ...options })

const rowsOfStep = (of: ReturnType<typeof plan>, step: number) => of.microBatches(step).map((batch) => [...batch])

describe('planSteps', () => {
  it('keeps file order without shuffling and makes a short last step of what is left', () => {
    const ordered = plan(9, { shuffle: false })
    expect([ordered.stepsPerEpoch, ordered.totalSteps]).toEqual([2, 2])
    expect([rowsOfStep(ordered, 0), rowsOfStep(ordered, 1)]).toEqual([
      [
        [0, 1],
        [2, 3],
        [4, 5],
      ],
      [[6, 7], [8]],
    ])
  })

  it('reads every row once an epoch, in another order each epoch', () => {
    const shuffled = plan(9, { length: { epochs: 3 } })
    const epochs = [0, 2, 4].map((first) => [first, first + 1].flatMap((step) => rowsOfStep(shuffled, step)).flat())
    for (const epoch of epochs) expect(epoch.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
    expect(new Set(epochs.map(String)).size).toBe(3)
  })

  it('gives the rows of a step from its number alone', () => {
    const [once, again] = [plan(50, { length: { epochs: 4 } }), plan(50, { length: { epochs: 4 } })]
    for (let step = 0; step < 20; step++) rowsOfStep(once, step)
    expect(rowsOfStep(again, 23)).toEqual(rowsOfStep(once, 23))
  })

  it('counts part of an epoch, rounded up, and steps beyond one epoch', () => {
    expect(plan(60, { length: { epochs: 0.25 } }).totalSteps).toBe(3)
    expect(plan(9, { length: { steps: 5 } }).totalSteps).toBe(5)
    expect(plan(9, { length: { steps: 5 } }).epochOf(4)).toBe(2)
  })

  it('refuses numbers out of range and a length given twice or not at all', () => {
    expect(() => plan(9, { batch: { rows: 0 } })).toThrowErrorMatchingInlineSnapshot(
      `[TrainError: train: batch.rows must be an integer of at least 1, got 0. Correct it.]`,
    )
    expect(() => plan(9, { length: { epochs: 1, steps: 3 } })).toThrowErrorMatchingInlineSnapshot(
      `[TrainError: train: expected one of epochs and steps, got both. Give one.]`,
    )
    expect(() => plan(9, { length: {} })).toThrow(/got none/)
    expect(() => plan(9, { length: { epochs: -1 } })).toThrow(/epochs must be above 0/)
  })
})

it('epochOrder draws every order of three rows about equally often', () => {
  const counts = new Map<string, number>()
  for (let seed = 0; seed < 6000; seed++) {
    const order = epochOrder(3, { seed, epoch: 0 }).join()
    counts.set(order, (counts.get(order) ?? 0) + 1)
  }
  expect(counts.size).toBe(6)
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(130) // over four deviations
})
