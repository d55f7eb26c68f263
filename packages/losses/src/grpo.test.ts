import { add, constant, div, grad, type Tensor } from '@qilin-med/tensor'
import { describe, expect, it } from 'vitest'
import { differences, distance, floats, lossOf, metricsOf, number, numbers, run, scoresOf } from '../test/support'
import { MissingReferenceError } from './errors'
import { grpo } from './grpo'
import type { GrpoOptions, GrpoType } from './grpo-options'
import type { Rollouts } from './types'

// Three completions of two, three and no tokens; the last two lose.
const sequences = [0, 0, 1, 1, 1]
const offsets = [0, 1, 0, 1, 2]
const policy = [-1, -0.5, -2, -0.75, -1.5]
const old = [-1.375, -0.625, -1.75, -0.5, -2]
const reference = [-1.25, -0.25, -1.5, -1, -1.75]

const rollouts = (x: Tensor = constant(floats(policy)), advantages = [1.5, -0.5, -1]): Rollouts => ({
  policy: scoresOf(x, sequences, offsets, advantages.length),
  advantages: constant(floats(advantages)),
  old: constant(floats(old)),
  reference: constant(floats(reference)),
})

describe('grpo', () => {
  it('clips the ratio where that makes the loss larger, over all tokens by default', async () => {
    const ratios = policy.map((x, i) => Math.exp(x - old[i]!))
    const terms = ratios.map((ratio, i) => {
      const advantage = sequences[i] === 0 ? 1.5 : -0.5
      return -Math.min(ratio * advantage, Math.min(Math.max(ratio, 0.8), 1.2) * advantage)
    })
    const mean = terms.reduce((a, b) => a + b) / 5
    expect(await lossOf(() => grpo()(rollouts()))).toBeCloseTo(mean, 7)
  })

  it('averages over completions, over tokens or over the longest length, by type', async () => {
    // With the policy as it was, every ratio is 1 and the loss of a token is minus its advantage.
    const fresh = (): Rollouts => ({ policy: rollouts().policy, advantages: rollouts().advantages })
    const value = (options: GrpoOptions) => lossOf(() => grpo(options)(fresh()))
    expect(await value({ type: 'grpo' })).toBeCloseTo((-1.5 + 0.5 + 0) / 3, 12) // no token, no loss, but it counts
    expect(await value({ type: 'dapo' })).toBeCloseTo((-2 * 1.5 + 3 * 0.5) / 5, 12)
    expect(await value({ type: 'bnpo' })).toBeCloseTo((-2 * 1.5 + 3 * 0.5) / 5, 12)
    expect(await value({ type: 'luspo' })).toBeCloseTo((-2 * 1.5 + 3 * 0.5) / 3, 12)
    expect(await value({ type: 'dr_grpo', maxCompletionLength: 10 })).toBeCloseTo((-2 * 1.5 + 3 * 0.5) / 30, 12)
  })

  it('gives the same for micro-batches as for the whole under dapo', async () => {
    const part = (from: number, to: number, sequenceCount: number, advantages: readonly number[]): Rollouts => ({
      policy: scoresOf(
        constant(floats(policy.slice(from, to))),
        Array(to - from).fill(0),
        offsets.slice(from, to),
        sequenceCount,
      ),
      advantages: constant(floats(advantages)),
      old: constant(floats(old.slice(from, to))),
    })
    const both = await run(() => {
      const [one, other] = [grpo()(part(0, 2, 1, [1.5])), grpo()(part(2, 5, 1, [-0.5]))]
      return { loss: div(add(one.sum, other.sum), add(one.weight, other.weight)) }
    }, [])
    expect(number(both.loss)).toBeCloseTo(await lossOf(() => grpo()(rollouts())), 12)
  })

  const types: GrpoType[] = ['grpo', 'bnpo', 'dr_grpo', 'dapo', 'sapo', 'luspo']
  const variants: [string, GrpoOptions][] = [
    ...types.map((type): [string, GrpoOptions] => [type, { type, maxCompletionLength: 4 }]),
    ['a ratio of sequences (GSPO)', { level: 'sequence', epsilonLow: 0.125 }],
    ['a KL penalty', { beta: 0.25 }],
    ['an unbiased KL penalty', { beta: 0.25, unbiasedKl: true }],
    ['two-sided clipping', { delta: 1.25 }],
    ['rewarded entropy', { entropyWeight: 0.125 }],
    ['an off-policy mask', { offPolicyThreshold: 0.125 }],
  ]
  for (const [name, options] of variants)
    it(`has the gradient that central differences give with ${name}`, async () => {
      const loss = (x: Tensor) => grpo(options)(rollouts(x)).sum
      const slope = await run((x: Tensor) => grad(loss)(x), [floats(policy)])
      expect(distance(numbers(slope), differences(loss, floats(policy)))).toBeLessThan(1e-8)
    })

  it('weighs log p by a constant in cispo and vespo', async () => {
    const slopeOf = async (type: GrpoType) =>
      numbers(await run((x: Tensor) => grad((y: Tensor) => grpo({ type })(rollouts(y)).sum)(x), [floats(policy)]))
    const ratios = policy.map((x, i) => Math.exp(x - old[i]!))
    const expected = ratios.map((ratio, i) => -Math.min(ratio, 5) * (sequences[i] === 0 ? 1.5 : -0.5))
    expect(distance(await slopeOf('cispo'), expected)).toBeLessThan(1e-12)
    const gamma = (w: number, k: number, lambda: number) => Math.exp(lambda + k * Math.log(w) - lambda * w)
    const [won, lost] = [gamma(ratios[0]! * ratios[1]!, 2, 3), gamma(ratios[2]! * ratios[3]! * ratios[4]!, 3, 2)]
    const weights = sequences.map((sequence) => (sequence === 0 ? -1.5 * won : 0.5 * lost))
    expect(distance(await slopeOf('vespo'), weights)).toBeLessThan(1e-9)
  })

  it('learns only from the tokens with the highest entropy', async () => {
    const slope = await run(
      (x: Tensor) => grad((y: Tensor) => grpo({ topEntropyShare: 0.5 })({ ...rollouts(y), old: y }).sum)(x),
      [floats(policy)],
    )
    // Entropies, as these scores have them: 0.368 0.303 0.271 0.354 0.335; the median and above stay.
    expect(numbers(slope).map((value) => value !== 0)).toEqual([true, false, false, true, true])
  })

  it('logs entropy, KL and how often ratios were clipped', async () => {
    const metrics = await metricsOf(() => grpo({ beta: 0.25, entropyWeight: 0.125 })(rollouts()))
    expect(Object.keys(metrics).sort()).toEqual([
      'clip_ratio/high_max',
      'clip_ratio/high_mean',
      'clip_ratio/low_mean',
      'clip_ratio/low_min',
      'clip_ratio/region_mean',
      'entropy',
      'entropy_coef',
      'kl',
      'policy_loss',
    ])
    expect(metrics['clip_ratio/high_mean']).toBeCloseTo(1 / 5, 12) // the first token alone, e^0.375
    expect(metrics['clip_ratio/high_max']).toBeCloseTo(1 / 2, 12)
    expect(metrics['clip_ratio/low_mean']).toBeCloseTo(2 / 5, 12) // e^−0.25 twice
    expect(metrics['clip_ratio/low_min']).toBe(0)
    expect(metrics.entropy_coef).toBe(0.125)
  })

  it('throws a typed error for a KL penalty without reference log-probabilities', () => {
    const { reference: _, ...rest } = rollouts()
    expect(() => grpo({ beta: 0.25 })(rest)).toThrow(MissingReferenceError)
  })

  it('refuses options outside their range, naming them', () => {
    const wrong: [GrpoOptions, keyof GrpoOptions][] = [
      [{ type: 'ppo' as 'grpo' }, 'type'],
      [{ type: 'dr_grpo' }, 'maxCompletionLength'],
      [{ level: 'word' as 'token' }, 'level'],
      [{ beta: -1 }, 'beta'],
      [{ epsilonLow: 1 }, 'epsilonLow'],
      [{ epsilonHigh: -1 }, 'epsilonHigh'],
      [{ delta: 0.5 }, 'delta'],
      [{ topEntropyShare: 0 }, 'topEntropyShare'],
    ]
    for (const [options, operand] of wrong)
      expect(() => grpo(options)).toThrowError(expect.objectContaining({ code: 'option', loss: 'grpo', operand }))
  })
})
