import {
  add,
  compile,
  constant,
  f32,
  gather,
  grad,
  i32,
  logSoftmax,
  mean,
  mul,
  neg,
  reshape,
  sum,
  type Tensor,
  takeAlongAxis,
  unsqueeze,
  valueAndGrad,
} from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { describe, expect, it } from 'vitest'
import {
  differences,
  distance,
  floats,
  ints,
  lossOf,
  metricsOf,
  number,
  numbers,
  random,
  run,
  scoresOf,
} from '../test/support'
import { LossError } from './errors'
import { cpt, type SftOptions, sft } from './sft'
import { logitTokenScores } from './vocabulary/logit-token-scores'

const scores = (logProbs: readonly number[], sequences: readonly number[], sequenceCount: number) =>
  scoresOf(constant(floats(logProbs)), sequences, sequences, sequenceCount)

describe('sft', () => {
  // Three sequences of one, three and no tokens.
  const batch = () => scores([-4, -1, -1, -1], [0, 1, 1, 1], 3)

  it('gives every token the same weight by default: (4 + 1 + 1 + 1) / 4', async () => {
    expect(await lossOf(() => sft()(batch()))).toBe(1.75)
  })

  it('gives the same whether a batch comes whole or in micro-batches', async () => {
    const parts = await run(() => {
      const [one, other] = [sft()(scores([-4], [0], 1)), sft()(scores([-1, -1, -1], [0, 0, 0], 1))]
      return { sum: add(one.sum, other.sum), weight: add(one.weight, other.weight) }
    }, [])
    expect(number(parts.sum) / number(parts.weight)).toBe(1.75)
  })

  it('gives every sequence that has tokens the same weight: (4 + 1) / 2', async () => {
    expect(await lossOf(() => sft({ reduction: 'sequence-mean' })(batch()))).toBeCloseTo(2.5, 12)
  })

  it('adds up without dividing', async () => {
    expect(await lossOf(() => sft({ reduction: 'sum' })(batch()))).toBe(7)
  })

  it('weighs tokens by their own probability in dft, without gradient for the weight', async () => {
    const loss = (x: Tensor) => sft({ dft: true, metrics: false })(scoresOf(x, [0, 0], [0, 1], 1)).sum
    const x = floats([-1, -2])
    expect(number(await run(loss, [x]))).toBeCloseTo(Math.exp(-1) + 2 * Math.exp(-2), 12)
    const slope = numbers(await run((y: Tensor) => grad(loss)(y), [x]))
    expect(distance(slope, [-Math.exp(-1), -Math.exp(-2)])).toBeLessThan(1e-12)
  })

  const logits = random([3, 8], 7, 3)
  const targets = constant(ints([1, 7, 2]))

  it('smooths labels as cross-entropy against (1 − ε)·target + ε·uniform', async () => {
    const epsilon = 0.25
    const ours = (x: Tensor) => sft({ labelSmoothing: epsilon })(logitTokenScores(x, targets)).sum
    const direct = (x: Tensor) => {
      const all = logSoftmax(x)
      const hit = takeAlongAxis(all, unsqueeze(targets, -1))
      return neg(add(mul(sum(hit), 1 - epsilon), mul(sum(mean(all, { axes: -1 })), epsilon)))
    }
    expect(number(await run(ours, [logits]))).toBeCloseTo(number(await run(direct, [logits])), 12)
  })

  const options: SftOptions[] = [{}, { labelSmoothing: 0.25 }, { zLoss: 0.125 }, { reduction: 'sequence-mean' }]
  for (const option of options)
    it(`has the gradient that central differences give with ${JSON.stringify(option)}`, async () => {
      const rest = { sequences: constant(ints([0, 1, 1])), sequenceCount: 2 }
      const loss = (x: Tensor) => sft(option)(logitTokenScores(x, targets, rest)).sum
      const slope = await run((x: Tensor) => grad(loss)(x), [logits])
      expect(distance(numbers(slope), differences(loss, logits))).toBeLessThan(1e-8)
    })

  it('logs entropy in nats and accuracy, as means over tokens', async () => {
    const even = floats([0, 0, 0, 0, 9, 0, 0, 0], [2, 4])
    const metrics = await metricsOf(() => sft()(logitTokenScores(constant(even), constant(ints([0, 1])))))
    const [first, peak] = [Math.log(4), Math.exp(9) / (Math.exp(9) + 3)]
    const second = -peak * Math.log(peak) - (1 - peak) * Math.log((1 - peak) / 3)
    expect(metrics.entropy).toBeCloseTo((first + second) / 2, 12)
    expect(metrics.mean_token_accuracy).toBe(0.5) // the first of four equals is the target's
  })

  it('gives 0 of weight 0 and a zero gradient for a batch without labelled token', async () => {
    await using runtime = await nodeRuntime()
    const step = (x: Tensor, at: Tensor, y: Tensor) =>
      valueAndGrad((z: Tensor) => {
        const picked = gather(reshape(z, [-1, 8]), at)
        const { sum: total, weight } = sft()(logitTokenScores(picked, y))
        return [total, weight] as const
      })(x)
    const program = compile(step, { runtime, inputs: [f32('B', 8), i32('N'), i32('N')] })
    const [[total, weight], slope] = await program(logits, ints([]), ints([]))
    expect([number(total), number(weight)]).toEqual([0, 0])
    expect(numbers(slope)).toEqual(Array(24).fill(0))
  })

  it('is finite at logits of ±1000', async () => {
    await using runtime = await nodeRuntime()
    const wide = floats([0, 1000, -1000, 0, 0, 1000, -1000, 0], [2, 4])
    const loss = (x: Tensor) => sft()(logitTokenScores(x, constant(ints([2, 1])))).sum
    const [value, slope] = await run((x: Tensor) => valueAndGrad(loss)(x), [wide], runtime)
    expect(number(value)).toBe(2000)
    expect(numbers(slope)).toEqual([0, 1, -1, 0, 0, 0, 0, 0])
  })

  const wrong: [string, SftOptions, string][] = [
    ['an unknown reduction', { reduction: 'mean' as 'sum' }, 'reduction'],
    ['label smoothing of 1', { labelSmoothing: 1 }, 'labelSmoothing'],
    ['a negative zLoss', { zLoss: -1 }, 'zLoss'],
    ['dft with label smoothing', { dft: true, labelSmoothing: 0.1 }, 'dft'],
  ]
  for (const [name, option, operand] of wrong)
    it(`refuses ${name}, naming the option`, () => {
      expect(() => sft(option)).toThrow(LossError)
      expect(() => sft(option)).toThrowError(expect.objectContaining({ code: 'option', loss: 'sft', operand }))
    })
})

describe('cpt', () => {
  it('is the mean cross-entropy, and logs nothing beside it', async () => {
    const result = () => cpt()(scores([-4, -1, -1, -1], [0, 0, 0, 0], 1))
    expect(await lossOf(result)).toBe(1.75)
    expect(result().metrics).toEqual({})
  })
})
