import { constant, grad, type Tensor } from '@qilin-med/tensor'
import { describe, expect, it } from 'vitest'
import {
  differences,
  distance,
  floats,
  lossOf,
  metricsOf,
  number,
  numbers,
  type PairSums,
  pairsOf,
  run,
  scoresOf,
} from '../test/support'
import { needsReference } from './needs'
import { orpo } from './orpo'
import { preferencePairs } from './preference'

/** Mean log-probabilities −2.5 and −2. */
const example: PairSums = { policy: [-10, -12], lengths: [4, 6] }

describe('orpo', () => {
  it('gives the worked value: log odds ratio −0.559763, loss 2.5 + 0.1·1.011693', async () => {
    expect(await lossOf(() => orpo()(pairsOf(example)))).toBeCloseTo(2.601169, 6)
    const metrics = await metricsOf(() => orpo()(pairsOf(example)))
    expect(metrics.log_odds_chosen).toBeCloseTo(-0.559763, 6)
    expect(metrics.log_odds_ratio).toBeCloseTo(-1.01169, 4)
    expect(metrics.nll_loss).toBe(2.5)
  })

  it('learns the prompts too on request', async () => {
    // Chosen −1 −2, rejected −3, prompt −4 −5: cross-entropy of the sequence is (1 + 2 + 4 + 5) / 4.
    const policy = scoresOf(constant(floats([-1, -2, -3, -4, -5])), [0, 0, 1, 2, 2], [0, 1, 0, 0, 1], 3)
    const metrics = await metricsOf(() => orpo({ nll: 'sequence' })(preferencePairs({ policy, prompts: true })))
    expect(metrics.nll_loss).toBe(3)
  })

  it('says how to get prompts where there are none', () => {
    expect(() => orpo({ nll: 'sequence' })(pairsOf(example))).toThrowErrorMatchingInlineSnapshot(
      `[LossError: orpo: expected pairs with prompts for nll 'sequence', got none. Label the prompts too and pass { prompts: true } to preferencePairs, or use nll 'completion'.]`,
    )
  })

  it('has the gradient that central differences give', async () => {
    const loss = (x: Tensor) => orpo({ beta: 0.5 })(pairsOf(example, x)).sum
    const slope = await run((x: Tensor) => grad(loss)(x), [floats(example.policy)])
    expect(distance(numbers(slope), differences(loss, floats(example.policy)))).toBeLessThan(1e-7)
  })

  it('is finite, with a finite gradient, where the model is certain', async () => {
    const certain = { policy: [0, -1e-9], lengths: [4, 6] }
    const loss = (x: Tensor) => orpo()(pairsOf(certain, x)).sum
    expect(number(await run(loss, [floats(certain.policy)]))).toBeCloseTo(0.1 * Math.LN2, 6)
    const slope = numbers(await run((x: Tensor) => grad(loss)(x), [floats(certain.policy)]))
    expect(slope.every(Number.isFinite)).toBe(true)
  })

  it('asks for no reference model, and for a beta above 0', () => {
    expect(needsReference(orpo())).toBe(false)
    expect(() => orpo({ beta: 0 })).toThrowError(expect.objectContaining({ code: 'option', operand: 'beta' }))
  })
})
