import { array, compile, f32, flatLayout, type NdArray, referenceRuntime, type Tensor } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { describe, expect, it } from 'vitest'
import { adafactor } from './adafactor'
import { adam, adamw } from './adam'
import { clipByGlobalNorm } from './clip'
import { lion } from './lion'
import { decaysByName, loraPlus, type Optimizer } from './optimizer'
import { sgd } from './sgd'

const layout = flatLayout([
  { name: 'layer.weight', shape: [2, 3] },
  { name: 'layer.bias', shape: [2] },
])
const start = [0.5, -1, 2, 0.25, 1.5, -0.75, 0.1, -0.2]
const target = [1, 1, -1, 0, 2, 0.5, -0.3, 0.4]

/** Parameters after `steps` steps on ½Σ(p − target)². */
const descend = async (optimizer: Optimizer, steps: number, runtime = referenceRuntime()): Promise<number[]> => {
  const held = { parameters: Float32Array.from(start), ...optimizer.init(layout) }
  const types = Object.fromEntries(Object.entries(held).map(([name, { length }]) => [name, f32(length)]))
  const scalars = (step: number) => optimizer.scalars(step, optimizer.learningRate(step, steps))
  const step = compile(
    (state: Record<string, Tensor>, gradients: Tensor, numbers: Record<string, Tensor>) => {
      const { parameters, ...rest } = state
      const next = optimizer.update({ parameters: parameters!, gradients, state: rest, scalars: numbers }, layout)
      return { parameters: next.parameters, ...next.state }
    },
    {
      runtime,
      inputs: [types, f32(layout.size), Object.fromEntries(Object.keys(scalars(0)).map((name) => [name, f32()]))],
    },
  )
  let state: Record<string, NdArray> = Object.fromEntries(
    Object.entries(held).map(([name, data]) => [name, array(data)]),
  )
  for (let i = 0; i < steps; i++) {
    const gradients = Array.from(state.parameters!.data as Float32Array, (p, at) => p - target[at]!)
    state = (await step(state, array(gradients), scalars(i))) as Record<string, NdArray>
  }
  return Array.from(state.parameters!.data as Float32Array)
}

const all: readonly [string, (rate: number) => Optimizer][] = [
  ['adamw', (learningRate) => adamw({ learningRate })],
  ['adamw with amsgrad', (learningRate) => adamw({ learningRate, amsgrad: true })],
  ['adam with L2', (learningRate) => adam({ learningRate, weightDecay: 0.01 })],
  ['sgd', (learningRate) => sgd({ learningRate })],
  ['sgd with nesterov', (learningRate) => sgd({ learningRate, momentum: 0.5, nesterov: true })],
  ['lion', (learningRate) => lion({ learningRate })],
  ['adafactor', (learningRate) => adafactor({ learningRate })],
  ['adafactor with a first moment', (learningRate) => adafactor({ learningRate, beta1: 0.9 })],
]

describe.each(all)('%s', (_, make) => {
  it('changes nothing at rate 0', async () => {
    expect(await descend(make(0), 2)).toEqual(start.map((value) => expect.closeTo(value, 6)))
  })

  it('comes nearer to the minimum of a quadratic', async () => {
    const distance = (values: readonly number[]) => Math.hypot(...values.map((value, i) => value - target[i]!))
    expect(distance(await descend(make(0.05), 30))).toBeLessThan(0.75 * distance(start))
  })

  it('gives the same numbers on ONNX Runtime as in float64', async () => {
    await using runtime = await nodeRuntime()
    const exact = await descend(make(0.05), 5)
    expect(await descend(make(0.05), 5, runtime)).toEqual(exact.map((value) => expect.closeTo(value, 5)))
  })
})

it('adamw follows the formula of Loshchilov and Hutter, with decay on the weight alone', async () => {
  const [rate, decay, beta1, beta2, epsilon] = [0.1, 0.2, 0.8, 0.9, 1e-6]
  const p = start.slice()
  const [m, v] = [new Float64Array(8), new Float64Array(8)]
  for (let t = 1; t <= 3; t++)
    p.forEach((value, i) => {
      const g = value - target[i]!
      m[i] = beta1 * m[i]! + (1 - beta1) * g
      v[i] = beta2 * v[i]! + (1 - beta2) * g * g
      const step = m[i]! / (1 - beta1 ** t) / (Math.sqrt(v[i]! / (1 - beta2 ** t)) + epsilon)
      p[i] = value * (i < 6 ? 1 - rate * decay : 1) - rate * step
    })
  const ours = await descend(adamw({ learningRate: rate, weightDecay: decay, betas: [beta1, beta2], epsilon }), 3)
  expect(ours).toEqual(p.map((value) => expect.closeTo(value, 6)))
})

it('a rate scale of 0 freezes a parameter, and a scale of 2 equals twice the rate', async () => {
  const rateScale = (name: string) => (name.endsWith('bias') ? 0 : 2)
  const scaled = await descend(adamw({ learningRate: 0.01, weightDecay: 0.1, rateScale }), 3)
  const doubled = await descend(adamw({ learningRate: 0.02, weightDecay: 0.1 }), 3)
  expect(scaled.slice(0, 6)).toEqual(doubled.slice(0, 6).map((value) => expect.closeTo(value, 12)))
  expect(scaled.slice(6)).toEqual(start.slice(6).map((value) => expect.closeTo(value, 6)))
})

it('adafactor keeps one number per row and one per column of a matrix', () => {
  const sizes = Object.entries(adafactor().init(layout)).map(([name, { length }]) => [name, length])
  expect(Object.fromEntries(sizes)).toEqual({ rowMoment: 2, columnMoment: 3, secondMoment: 2 })
})

it('clipByGlobalNorm scales a long gradient to the limit, leaves a short one, and returns the norm before', async () => {
  const clip = compile((g: Tensor) => clipByGlobalNorm(g, 1), { runtime: referenceRuntime(), inputs: [f32(2)] })
  const [long, norm] = await clip(array([3, 4]))
  expect([...long.data, ...norm.data]).toEqual([0.6, 0.8, 5].map((value) => expect.closeTo(Number(value), 6)))
  const [short] = await clip(array([0.3, 0.4]))
  expect([...short.data]).toEqual([0.3, 0.4].map((value) => expect.closeTo(value, 6)))
})

it('decaysByName leaves out biases and norms, and nothing else', () => {
  const undecayed = ['model.norm.weight', 'layers.0.input_layernorm.weight', 'self_attn.q_norm.weight', 'q_proj.bias']
  const gpt2 = ['transformer.h.0.ln_1.weight', 'transformer.ln_f.weight']
  expect([...undecayed, ...gpt2].filter(decaysByName)).toEqual([])
  const matrices = ['model.embed_tokens.weight', 'q_proj.weight', 'q_proj.lora_A.weight', 'q_proj.lora_B.weight']
  expect(matrices.filter(decaysByName)).toEqual(matrices)
})

it('loraPlus speeds up B matrices and vectors', () => {
  const scale = loraPlus(16)
  const parameters = [
    ['q_proj.lora_A.weight', [2, 4]],
    ['q_proj.lora_B.weight', [4, 2]],
    ['q_proj.lora_magnitude_vector', [4]],
  ] as const
  expect(parameters.map(([name, shape]) => scale(name, shape))).toEqual([1, 16, 16])
})
