import { describe, expect, it } from 'vitest'
import { TrainError } from '../errors'
import { cosine, cosineFromFirstStep, cosineToMinimum, cosineWithRestarts } from './cosine'
import { constant, inverseSqrt, linear, polynomial } from './linear'
import { warmupSteps } from './schedule'
import { warmupDecay } from './warmup-decay'
import { warmupStableDecay } from './warmup-stable-decay'

const options = { peak: 1, warmup: 5 }
const total = 100

describe('schedules at steps 1, 2, 4, 5, 50, 99 of 100 with 5 steps of warm-up', () => {
  // The documented table: transformers for the first two, DeepSpeed's formula for the last.
  it.each([
    ['linear', linear(options), [0.2, 0.4, 0.8, 1, 0.526316, 0.010526]],
    ['cosine', cosine(options), [0.2, 0.4, 0.8, 1, 0.54129, 0.000273]],
    ['warmupDecay', warmupDecay(options), [0.430677, 0.682606, 1, 1, 0.526316, 0.010526]],
  ])('%s equals the reference to six digits', (_, schedule, expected) => {
    expect([1, 2, 4, 5, 50, 99].map((step) => schedule(step, total))).toEqual(
      expected.map((value) => expect.closeTo(value, 6)),
    )
  })
})

describe('ends of the schedules', () => {
  it.each([
    ['linear', linear(options), 0],
    ['cosine', cosine(options), 0],
    ['cosineWithRestarts', cosineWithRestarts({ ...options, cycles: 3 }), 0],
    ['polynomial', polynomial({ ...options, end: 0.1 }), 0.1],
    ['cosineToMinimum', cosineToMinimum({ ...options, minimum: 0.2 }), 0.2],
    ['cosineFromFirstStep one step before the end', (s: number, t: number) => firstStep(s - 1, t), 0.1],
    ['warmupStableDecay', warmupStableDecay({ ...options, decay: 0.25, minimumShare: 0.05 }), 0.05],
    ['constant', constant(options), 1],
  ])('%s ends at %2$s', (_, schedule, end) => {
    expect(schedule(total, total)).toBeCloseTo(end, 12)
  })
  const firstStep = cosineFromFirstStep({ ...options, minimumShare: 0.1 })
})

it('inverseSqrt falls by √2 after one timescale', () => {
  const schedule = inverseSqrt({ peak: 3, warmup: 5, timescale: 20 })
  expect(schedule(5 + 20, 1000) / schedule(5, 1000)).toBeCloseTo(Math.SQRT1_2, 12)
})

it('a warm-up below 1 is a share of the steps, rounded up', () => {
  expect([warmupSteps(0.05, 24), warmupSteps(0.05, 20), warmupSteps(0, 20), warmupSteps(7, 20)]).toEqual([2, 1, 0, 7])
})

it('a negative warm-up and a minimum given twice are errors with the option named', () => {
  expect(() => linear({ peak: 1, warmup: -1 })(0, 10)).toThrowErrorMatchingInlineSnapshot(
    `[TrainError: warmupSteps: warmup must be 0 or more, got -1. Give steps, or a share below 1.]`,
  )
  const both = () => cosineToMinimum({ peak: 1, minimum: 0.1, minimumShare: 0.1 })
  expect(both).toThrow(TrainError)
  expect(both).toThrowErrorMatchingInlineSnapshot(
    `[TrainError: cosineToMinimum: expected one of minimum and minimumShare, got both. Give one.]`,
  )
})
