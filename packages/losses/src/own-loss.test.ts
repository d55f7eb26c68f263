import { dpo, logRatio, needsReference, type PreferenceLoss, perPair, preferencePairs, sft } from '@qilin-med/losses'
import { constant, logSigmoid, mul, neg, sub } from '@qilin-med/tensor'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { floats, lossOf, pairsOf, scoresOf } from '../test/support'
import type { PreferencePairs, TokenLoss } from './types'

/** DPO whose chosen answer must win by a margin. */
export const marginDpo =
  ({ beta = 0.1, margin = 0.5 } = {}): PreferenceLoss =>
  ({ policy, reference }) => {
    const delta = sub(logRatio(policy.chosen, reference.chosen), logRatio(policy.rejected, reference.rejected))
    return perPair(neg(logSigmoid(sub(mul(beta, delta), margin)))) // { sum, weight, metrics }
  }

describe('a loss of your own', () => {
  it('is a bare function: −log σ(0.1·1.5 − 0.5)', async () => {
    const pairs = pairsOf({ policy: [-10, -12], reference: [-11, -11.5], lengths: [4, 6] })
    expect(await lossOf(() => marginDpo()(pairs))).toBeCloseTo(Math.log1p(Math.exp(0.35)), 6)
  })

  it('is known to need a reference model, or not to, by being traced', () => {
    const shorter: PreferenceLoss = ({ policy }) => perPair(sub(policy.chosen.length, policy.rejected.length))
    const careless: PreferenceLoss = ({ policy, reference: _ }) => perPair(policy.chosen.logProb)
    expect(needsReference(marginDpo())).toBe(true)
    expect(needsReference(dpo())).toBe(true)
    expect(needsReference(shorter)).toBe(false)
    expect(needsReference(careless)).toBe(false)
  })

  it('reads reference scores when it asks for them, once', async () => {
    const scores = () => scoresOf(constant(floats([-1, -2])), [0, 1], [0, 0], 2)
    let made = 0
    const reference = () => {
      made++
      return scores()
    }
    const pairs = preferencePairs({ policy: scores(), reference })
    expect(made).toBe(0)
    await lossOf(() => marginDpo()(pairs))
    expect(made).toBe(1)
  })

  it('is typed by what it is a function of', () => {
    expectTypeOf(marginDpo).returns.toEqualTypeOf<PreferenceLoss>()
    expectTypeOf<PreferenceLoss>().parameter(0).toEqualTypeOf<PreferencePairs>()
    expectTypeOf(sft()).toEqualTypeOf<TokenLoss>()
    // @ts-expect-error a loss on tokens is no loss on pairs
    const mixed: PreferenceLoss = sft()
    expect(mixed.kind).toBe('token')
  })

  it('is told from the built-in ones by their kind', () => {
    expect([sft().kind, dpo().kind, marginDpo().kind]).toEqual(['token', 'preference', undefined])
  })
})

describe('preferencePairs', () => {
  it('says how many sequences it expects', () => {
    const policy = scoresOf(constant(floats([-1, -2, -3])), [0, 1, 2], [0, 0, 0], 3)
    expect(() => preferencePairs({ policy })).toThrowErrorMatchingInlineSnapshot(
      `[LossError: preferencePairs: expected 2 groups of P sequences, got 3. Put the chosen completions before the rejected ones and pass multiplyDims(P, 2) as sequenceCount.]`,
    )
  })
})
