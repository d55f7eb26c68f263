import { constant, grad, slice, type Tensor } from '@qilin-med/tensor'
import { describe, expect, it } from 'vitest'
import { differences, distance, floats, lossOf, metricsOf, numbers, run } from '../test/support'
import { type RewardOptions, reward } from './reward'

const rewards = [1, 0.25, -0.5, 0.5]
const margin = [0.5, 0.25]

const result = (options: RewardOptions, margins?: readonly number[], x: Tensor = constant(floats(rewards))) =>
  reward(options)({
    chosen: slice(x, 0, 0, 2),
    rejected: slice(x, 0, 2),
    ...(margins && { margin: constant(floats(margins)) }),
  })

const logistic = (x: number): number => Math.log1p(Math.exp(-x))

describe('reward', () => {
  it('is the mean of −log σ(chosen − rejected − margin)', async () => {
    expect(await lossOf(() => result({}))).toBeCloseTo((logistic(1.5) + logistic(-0.25)) / 2, 12)
    expect(await lossOf(() => result({}, margin))).toBeCloseTo((logistic(1) + logistic(-0.5)) / 2, 12)
  })

  it('adds the squared sum of both rewards, weighted: 0.25 · (0.5² + 0.75²) / 2', async () => {
    const [plain, centred] = [await lossOf(() => result({})), await lossOf(() => result({ centering: 0.25 }))]
    expect(centred - plain).toBeCloseTo((0.25 * (0.25 + 0.5625)) / 2, 12)
  })

  it('has the gradient that central differences give', async () => {
    const loss = (x: Tensor) => result({ centering: 0.25 }, margin, x).sum
    const slope = await run((x: Tensor) => grad(loss)(x), [floats(rewards)])
    expect(distance(numbers(slope), differences(loss, floats(rewards)))).toBeLessThan(1e-8)
  })

  it('logs extremes, mean, accuracy and margin', async () => {
    expect(await metricsOf(() => result({}))).toEqual({
      min_reward: -0.5,
      mean_reward: 0.3125,
      max_reward: 1,
      accuracy: 0.5,
      margin: 0.625,
    })
  })

  it('refuses a negative weight', () => {
    expect(() => reward({ centering: -1 })).toThrowError(
      expect.objectContaining({ code: 'option', operand: 'centering' }),
    )
  })
})
