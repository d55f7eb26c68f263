import { grad, type Tensor } from '@qilin-med/tensor'
import { describe, expect, it } from 'vitest'
import { differences, distance, floats, lossOf, metricsOf, numbers, type PairSums, pairsOf, run } from '../test/support'
import { type CpoOptions, cpo, simpo } from './cpo'
import { needsReference } from './needs'

const example: PairSums = { policy: [-10, -12], lengths: [4, 6] }

describe('cpo', () => {
  it('gives the worked value of SimPO: −log σ(2·(−2.5 + 2) − 0.5)', async () => {
    expect(await lossOf(() => simpo({ beta: 2, gamma: 0.5 })(pairsOf(example)))).toBeCloseTo(1.701413, 6)
  })

  it('adds the cross-entropy of the chosen: −log σ(0.2) + 10/4', async () => {
    const value = await lossOf(() => cpo()(pairsOf(example)))
    expect(value).toBeCloseTo(Math.log1p(Math.exp(-0.2)) + 2.5, 7)
    expect((await metricsOf(() => cpo()(pairsOf(example)))).nll_loss).toBeCloseTo(2.5, 12)
  })

  it('squares the distance from 1/(2β) in ipo, per token: (−0.5 − 5)²', async () => {
    const value = await lossOf(() => cpo({ type: 'ipo', nllWeight: 0 })(pairsOf(example)))
    expect(value).toBeCloseTo(30.25, 6)
  })

  it('tends to SimPO as the shape of AlphaPO tends to 0', async () => {
    const at = (alpha: number) => lossOf(() => simpo({ beta: 2, alpha })(pairsOf(example)))
    expect(await at(1e-5)).toBeCloseTo(await at(0), 3)
  })

  const options: CpoOptions[] = [
    {},
    { type: 'hinge' },
    { type: 'ipo' },
    { type: 'simpo', alpha: 0.25 },
    { labelSmoothing: 0.25 },
  ]
  for (const option of options)
    it(`has the gradient that central differences give with ${JSON.stringify(option)}`, async () => {
      const loss = (x: Tensor) => cpo({ beta: 0.25, ...option })(pairsOf(example, x)).sum
      const slope = await run((x: Tensor) => grad(loss)(x), [floats(example.policy)])
      expect(distance(numbers(slope), differences(loss, floats(example.policy)))).toBeLessThan(1e-7)
    })

  it('asks for no reference model', () => {
    expect(needsReference(cpo())).toBe(false)
    expect(needsReference(simpo())).toBe(false)
  })

  it('refuses options outside their range, naming them', () => {
    for (const [option, operand] of [
      [{ beta: -1 }, 'beta'],
      [{ type: 'dpo' as 'simpo' }, 'type'],
      [{ nllWeight: -1 }, 'nllWeight'],
      [{ labelSmoothing: 0.5 }, 'labelSmoothing'],
    ] as const)
      expect(() => cpo(option)).toThrowError(expect.objectContaining({ code: 'option', loss: 'cpo', operand }))
  })
})
