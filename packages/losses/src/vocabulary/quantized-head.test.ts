import {
  array,
  compile,
  constant,
  dequantize,
  f32,
  fillNormal,
  i32,
  lowerProgram,
  neg,
  quantize,
  type Runtime,
  randomKey,
  referenceRuntime,
  sum,
  type Tensor,
  trace,
  valueAndGrad,
} from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { describe, expect, it } from 'vitest'
import { linearTokenScores } from './linear-token-scores'

// Legend: N tokens, D width, V vocabulary.
const [N, D, V] = [6, 16, 300]
const normal = (seed: number, shape: readonly number[], deviation: number) => {
  const data = new Float32Array(shape.reduce((size, length) => size * length, 1))
  return array(fillNormal(randomKey(seed), data, deviation), { shape })
}
const weight = quantize(normal(1, [V, D], 0.5), { scheme: 'int8', tile: 128 })
const quantised = constant(weight)
const wide = constant(array(dequantize(weight), { shape: [V, D] }))
const hidden = normal(2, [N, D], 1)
const targets = { dtype: 'int32' as const, shape: [N], data: Int32Array.of(0, 127, 128, 255, 256, 299) }

const lossUnder = (head: Tensor) => (h: Tensor, t: Tensor) => {
  const scores = linearTokenScores(h, { weight: head, softcap: 8 }, t, { chunk: 128 })
  return neg(sum(scores.logProbs))
}

const stepOf = async (runtime: Runtime, head: Tensor): Promise<{ loss: number; gradient: Float32Array }> => {
  const step = compile(valueAndGrad(lossUnder(head)), { runtime, inputs: [f32('N', D), i32('N')] })
  const [loss, gradient] = await step(hidden, targets)
  return { loss: Number(loss.data[0]), gradient: Float32Array.from(gradient.data as Float32Array) }
}

const furthest = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)

describe('a quantised head, walked in its tiles', () => {
  it('gives the loss of the matrix that it stands for, and its gradient up to the rounding for gradients', async () => {
    const runtime = referenceRuntime()
    const [exact, ours] = [await stepOf(runtime, wide), await stepOf(runtime, quantised)]
    expect(Math.abs(ours.loss - exact.loss)).toBeLessThan(1e-5)
    // Rows of targets come from codes with a scale for each input: half a step of either rounding, each at most 2/127.
    expect(furthest(ours.gradient, exact.gradient)).toBeLessThan(2 / 127)
  })

  it('stays near both on integer kernels', async () => {
    await using runtime = await nodeRuntime({ threads: 1 })
    const [exact, ours] = [await stepOf(runtime, wide), await stepOf(runtime, quantised)]
    // 16 operands of up to 3 are off by 3/254 at most, times weights of 0.5: 0.03 for a logit, of random sign.
    expect(Math.abs(ours.loss - exact.loss) / N).toBeLessThan(0.03)
    expect(furthest(ours.gradient, exact.gradient)).toBeLessThan(0.03)
  })

  it('is never widened as a whole', () => {
    const { program } = trace(valueAndGrad(lossUnder(quantised)), [f32('N', D), i32('N')])
    const { nodes, initializers } = lowerProgram(program, 'cpu')
    expect(nodes.filter(({ type }) => type === 'DequantizeLinear')).toEqual([])
    expect(nodes.filter(({ type }) => type === 'MatMulIntegerToFloat')).toHaveLength(6)
    const floats = [...initializers.values()].filter(({ dtype }) => dtype === 'float32')
    for (const { shape } of floats) expect(shape.reduce((size, length) => size * length, 1)).toBeLessThan(V * D)
  })
})
