import { constant, grad, square, sum, type Tensor } from '@qilin-med/tensor'
import { describe, expect, it } from 'vitest'
import {
  differences,
  distance,
  floats,
  lossOf,
  metricsOf,
  numbers,
  type PairSums,
  pairsOf,
  random,
  run,
  scoresOf,
} from '../test/support'
import { type DpoOptions, dpo } from './dpo'
import { type DpoType, dpoFormulas } from './dpo-types'
import { LossError, MissingReferenceError } from './errors'
import { preferencePairs } from './preference'

/** δ = (−10 + 11) − (−12 + 11.5) = 1.5. */
const example: PairSums = { policy: [-10, -12], reference: [-11, -11.5], lengths: [4, 6] }

/** Three pairs that are no multiples of each other. */
const three: PairSums = {
  policy: [-3.5, -8.25, -5, -6.5, -4, -9.75],
  reference: [-4.25, -7.5, -5.5, -6, -4.75, -8],
  lengths: [3, 5, 4, 6, 2, 7],
}

describe('dpo', () => {
  const worked: [string, DpoOptions, number][] = [
    ['sigmoid: −log σ(0.15)', {}, 0.620957],
    ['cDPO with ε 0.1: 0.9·0.620957 + 0.1·0.770957', { labelSmoothing: 0.1 }, 0.635957],
    ['robust with ε 0.1: (0.9·0.620957 − 0.1·0.770957) / 0.8', { type: 'robust', labelSmoothing: 0.1 }, 0.602207],
    ['hinge: 1 − 0.15', { type: 'hinge' }, 0.85],
    ['ipo, per token: (1/4 + 0.5/6 − 5)²', { type: 'ipo' }, 196 / 9],
    ['sigmoid_norm: −log σ(0.1·(1/4 + 0.5/6))', { type: 'sigmoid_norm' }, 0.676619],
    ['sft: 10 / 4', { type: 'sft' }, 2.5],
    ['a mixture: 0.5·0.620957 + 2·2.5', { type: { sigmoid: 0.5, sft: 2 } }, 5.3104785],
  ]
  for (const [name, options, expected] of worked)
    it(`gives the worked value of ${name}`, async () => {
      expect(await lossOf(() => dpo(options)(pairsOf(example)))).toBeCloseTo(expected, 6)
    })

  it('is 0.598139 against a reference that knows nothing: −log σ(0.1·(−10 + 12))', async () => {
    const free = { ...example, reference: [0, 0] }
    expect(await lossOf(() => dpo()(pairsOf(free)))).toBeCloseTo(0.598139, 6)
  })

  it('starts at ln 2, with no pair counted as won', async () => {
    const start = { ...three, reference: three.policy }
    expect(await lossOf(() => dpo()(pairsOf(start)))).toBeCloseTo(Math.LN2, 12)
    const metrics = await metricsOf(() => dpo()(pairsOf(start)))
    expect(metrics['rewards/accuracies']).toBe(0)
    expect(metrics['rewards/margins']).toBe(0)
  })

  it('stays finite where a log-ratio is −20000', async () => {
    const far = { policy: [-20000, -1], reference: [0, 0], lengths: [1, 1] }
    expect(await lossOf(() => dpo()(pairsOf(far)))).toBeCloseTo(1999.9, 4)
    const slope = await run((x: Tensor) => grad((y: Tensor) => dpo()(pairsOf(far, y)).sum)(x), [floats(far.policy)])
    expect(numbers(slope)[0]).toBeCloseTo(-0.1, 7)
  })

  it('logs rewards, margins and log-probabilities as means over pairs', async () => {
    const metrics = await metricsOf(() => dpo()(pairsOf(example)))
    expect(metrics['rewards/chosen']).toBeCloseTo(0.1, 7)
    expect(metrics['rewards/rejected']).toBeCloseTo(-0.05, 7)
    expect(metrics['rewards/margins']).toBeCloseTo(0.15, 7)
    expect(metrics['rewards/accuracies']).toBe(1)
    expect(metrics['logps/chosen']).toBe(-10)
    expect(metrics['logps/rejected']).toBe(-12)
    expect(Object.keys(metrics)).toHaveLength(6) // no single tokens, nothing about them
  })

  const smoothed = new Set<DpoType>(['exo_pair', 'robust', 'aot', 'aot_unpaired'])
  for (const type of Object.keys(dpoFormulas) as DpoType[])
    it(`has the gradient of ${type} that central differences give`, async () => {
      const loss = (x: Tensor) =>
        dpo({ type, beta: 0.5, labelSmoothing: smoothed.has(type) ? 0.125 : 0 })(pairsOf(three, x)).sum
      const slope = await run((x: Tensor) => grad(loss)(x), [floats(three.policy)])
      expect(distance(numbers(slope), differences(loss, floats(three.policy)))).toBeLessThan(1e-7)
    })

  for (const fDivergence of ['forward_kl', 'js_divergence', 'alpha_divergence'] as const)
    it(`has the gradient under ${fDivergence} that central differences give`, async () => {
      const loss = (x: Tensor) => dpo({ fDivergence, beta: 0.5 })(pairsOf(three, x)).sum
      const slope = await run((x: Tensor) => grad(loss)(x), [floats(three.policy)])
      expect(distance(numbers(slope), differences(loss, floats(three.policy)))).toBeLessThan(1e-7)
    })

  it('has gradients of gradients', async () => {
    const loss = (x: Tensor) => dpo({ beta: 0.5 })(pairsOf(three, x)).sum
    const norm = (x: Tensor) => sum(square(grad(loss)(x)))
    const second = await run((x: Tensor) => grad(norm)(x), [floats(three.policy)])
    expect(distance(numbers(second), differences(norm, floats(three.policy)))).toBeLessThan(1e-7)
  })

  it('takes the token mean of sft over the batch, not over rows', async () => {
    const expected = (3.5 + 8.25 + 5) / (3 + 5 + 4)
    expect(await lossOf(() => dpo({ type: 'sft' })(pairsOf(three)))).toBeCloseTo(expected, 12)
  })

  describe('on single tokens', () => {
    // One pair: three chosen tokens, one rejected token.
    const sequences = [0, 0, 0, 1]
    const offsets = [0, 1, 2, 0]
    const policy = floats([-1, -2, -4, -3])
    const reference = floats([-1.5, -2, -3, -3.5])
    const pairs = (x: Tensor) =>
      preferencePairs({
        policy: scoresOf(x, sequences, offsets, 2),
        reference: scoresOf(constant(reference), sequences, offsets, 2),
      })

    it('counts log-probabilities beyond the shorter completion by ldAlpha', async () => {
      // Chosen: −1 + ¼·(−2 − 4) against −1.5 + ¼·(−2 − 3), rejected: −3 against −3.5; δ = 0.25 − 0.5.
      const value = await lossOf(() => dpo({ ldAlpha: 0.25, beta: 1 })(pairs(constant(policy))))
      expect(value).toBeCloseTo(Math.log1p(Math.exp(0.25)), 12)
    })

    it('weighs pairs by how sure the model is of them, without gradient for the weight', async () => {
      // log p − log Σp² = −log p in these scores, so the weight is e^(7/3) · e^3.
      const [plain, weighted] = await Promise.all(
        [false, true].map((weighting) => lossOf(() => dpo({ weighting })(pairs(constant(policy))))),
      )
      const weight = Math.exp(7 / 3 + 3)
      expect(weighted! / plain!).toBeCloseTo(weight, 8)
      const slopeOf = (weighting: boolean) =>
        run((x: Tensor) => grad((y: Tensor) => dpo({ weighting })(pairs(y)).sum)(x), [policy])
      const [plainSlope, slope] = [numbers(await slopeOf(false)), numbers(await slopeOf(true))]
      expect(
        distance(
          slope,
          plainSlope.map((x) => x * weight),
        ),
      ).toBeLessThan(1e-9)
    })

    it('logs what is known of the tokens', async () => {
      const metrics = await metricsOf(() => dpo()(pairs(constant(policy))))
      expect(metrics['logits/chosen']).toBeCloseTo(-3.5 / 3, 12)
      expect(metrics['logits/rejected']).toBeCloseTo(-1.5, 12)
      expect(metrics.mean_token_accuracy).toBe(0) // −1 > −1 is false
      const terms = [-1, -2, -4, -3].map((x) => -Math.exp(x) * x)
      expect(metrics.entropy).toBeCloseTo(terms.reduce((a, b) => a + b) / 4, 12)
    })

    it('sends no gradient to the reference', async () => {
      const both = (x: Tensor) =>
        dpo()(
          preferencePairs({
            policy: scoresOf(x, sequences, offsets, 2),
            reference: scoresOf(x, sequences, offsets, 2),
          }),
        ).sum
      const slope = await run((x: Tensor) => grad(both)(x), [policy])
      expect(numbers(slope)).toEqual([-0.05, -0.05, -0.05, 0.05].map((x) => expect.closeTo(x, 7)))
    })

    it('says which tokens ldAlpha needs when only sums are given', () => {
      expect(() => dpo({ ldAlpha: 0.5 })(pairsOf(example))).toThrowError(
        expect.objectContaining({ code: 'missing-tokens', loss: 'dpo' }),
      )
    })
  })

  it('throws a typed error without a reference model', () => {
    const free = preferencePairs({ policy: scoresOf(constant(random([2], 1)), [0, 1], [0, 0], 2) })
    expect(() => dpo()(free)).toThrow(MissingReferenceError)
    expect(() => dpo()(free)).toThrowErrorMatchingInlineSnapshot(
      `[MissingReferenceError: loss: expected log-probabilities of the reference model, got none. Pass 'reference', or use a loss without one (simpo, orpo).]`,
    )
  })

  const wrong: [string, DpoOptions, string][] = [
    ['an unknown type', { type: 'sigmoyd' as DpoType }, 'type'],
    ['an empty mixture', { type: {} }, 'type'],
    ['a beta of 0', { beta: 0 }, 'beta'],
    ['a beta that is no number', { beta: Number.NaN }, 'beta'],
    ['a label smoothing of one half', { labelSmoothing: 0.5 }, 'labelSmoothing'],
    ['exo_pair without label smoothing', { type: 'exo_pair' }, 'labelSmoothing'],
    ['ldAlpha above 1', { ldAlpha: 1.5 }, 'ldAlpha'],
    ['an f-divergence with nca_pair', { type: 'nca_pair', fDivergence: 'forward_kl' }, 'fDivergence'],
    ['an unknown f-divergence', { fDivergence: 'kl' as 'forward_kl' }, 'fDivergence'],
  ]
  for (const [name, options, operand] of wrong)
    it(`refuses ${name}, naming the option`, () => {
      expect(() => dpo(options)).toThrow(LossError)
      expect(() => dpo(options)).toThrowError(expect.objectContaining({ code: 'option', loss: 'dpo', operand }))
    })

  it('names the types there are', () => {
    expect(() => dpo({ type: 'sigmoyd' as DpoType })).toThrowErrorMatchingInlineSnapshot(
      `[LossError: dpo: expected a known type, got sigmoyd. Use one of sigmoid, hinge, ipo, exo_pair, nca_pair, robust, bco_pair, sppo_hard, aot, aot_unpaired, apo_zero, apo_down, discopop, sft, sigmoid_norm.]`,
    )
  })
})
