import { constant, grad, type Tensor } from '@qilin-med/tensor'
import { describe, expect, it } from 'vitest'
import { completion, differences, distance, floats, lossOf, metricsOf, numbers, run, scoresOf } from '../test/support'
import { MissingReferenceError } from './errors'
import { type KtoOptions, kto, unpairedCompletions } from './kto'
import type { UnpairedCompletions } from './types'

/** The good completion has log π/ρ = 1, the bad one −0.5; mismatched ones differ by `gap` on average. */
const example = (gap: number, x: Tensor = constant(floats([-10, -12]))): UnpairedCompletions => ({
  policy: completion(x, [4, 6]),
  reference: completion(constant(floats([-11, -11.5])), [4, 6]),
  desirable: constant({ dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) }),
  mismatched: {
    policy: completion(constant(floats([gap, gap])), [1, 1]),
    reference: completion(constant(floats([0, 0])), [1, 1]),
  },
})

describe('kto', () => {
  it('gives the worked values at z = 0.3: 0.482507 for the good one, 0.480011 for the bad one', async () => {
    const value = (options: KtoOptions) => lossOf(() => kto(options)(example(0.3)))
    expect(await value({ undesirableWeight: 0 })).toBeCloseTo(0.482507 / 2, 6)
    expect(await value({ desirableWeight: 0 })).toBeCloseTo(0.480011 / 2, 6)
    expect(await value({ desirableWeight: 0.5 })).toBeCloseTo((0.5 * 0.482507 + 0.480011) / 2, 6)
  })

  it('compares with nothing where the divergence is below 0, as apo_zero_unpaired always does', async () => {
    const clamped = await lossOf(() => kto()(example(-4)))
    expect(clamped).toBe(await lossOf(() => kto({ type: 'apo_zero_unpaired' })(example(0.3))))
    expect((await metricsOf(() => kto()(example(-4)))).kl).toBe(0)
  })

  it('has the gradient that central differences give', async () => {
    const loss = (x: Tensor) => kto({ beta: 0.5, desirableWeight: 0.75 })(example(0.25, x)).sum
    const slope = await run((x: Tensor) => grad(loss)(x), [floats([-10, -12])])
    expect(distance(numbers(slope), differences(loss, floats([-10, -12])))).toBeLessThan(1e-8)
  })

  it('logs rewards by kind, with weight 0 for a kind that is absent', async () => {
    const metrics = await metricsOf(() => kto()(example(0.3)))
    expect(metrics['rewards/chosen']).toBeCloseTo(0.1, 7)
    expect(metrics['rewards/rejected']).toBeCloseTo(-0.05, 7)
    expect(metrics['rewards/margins']).toBeCloseTo(0.15, 7)
    const allGood = { ...example(0.3), desirable: constant({ dtype: 'bool', shape: [2], data: Uint8Array.of(1, 1) }) }
    const { metrics: one } = await run(() => ({ metrics: kto()(allGood).metrics }), [])
    expect(numbers(one['rewards/rejected']!.weight)).toEqual([0])
    expect(numbers(one['rewards/margins']!.weight)).toEqual([0])
    expect(numbers(one['rewards/margins']!.sum)).toEqual([0])
  })

  it('throws typed errors without mismatched completions and without a reference model', () => {
    const { mismatched: _, ...rest } = example(0.3)
    expect(() => kto()(rest)).toThrowError(expect.objectContaining({ code: 'missing-input', operand: 'mismatched' }))
    const policy = scoresOf(constant(floats([-1, -2])), [0, 1], [0, 0], 2)
    const free = unpairedCompletions({ policy, desirable: rest.desirable })
    expect(() => kto({ type: 'apo_zero_unpaired' })(free)).toThrow(MissingReferenceError)
  })

  it('refuses options outside their range, naming them', () => {
    for (const [option, operand] of [
      [{ beta: 0 }, 'beta'],
      [{ type: 'dpo' as 'kto' }, 'type'],
      [{ desirableWeight: -1 }, 'desirableWeight'],
      [{ undesirableWeight: Number.NaN }, 'undesirableWeight'],
    ] as const)
      expect(() => kto(option)).toThrowError(expect.objectContaining({ code: 'option', loss: 'kto', operand }))
  })
})
