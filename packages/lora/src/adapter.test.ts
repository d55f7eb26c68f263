import type { Module, Network } from '@qilin-med/models'
import { array, compile, linear, type NdArray, referenceRuntime, type Tensor, unflatten } from '@qilin-med/tensor'
import { describe, expect, it } from 'vitest'
import { adapterFrom, type LoraAdapter, lora } from './adapter'
import type { LoraInit, LoraOptions } from './config'
import { deltaWeight, mergeParameter, mergeWeight } from './merge'
import { tinyModel } from './test/tiny-model'
import { weightsOf } from './weights'

const runtime = referenceRuntime()
const layer: Module = { path: 'q_proj', kind: 'linear', inFeatures: 2, outFeatures: 2, bias: false }
const weight = Float32Array.of(1, 2, 3, 4)

/** Output of a single adapted layer W = [[1, 2], [3, 4]] for x = [1, 2]. */
const outputOf = async (adapter: LoraAdapter): Promise<number[]> => {
  const run = compile(
    (w: Tensor, flat: Tensor, x: Tensor) => {
      const base: Network = {
        linear: (_, input) => matmulBy(w, input),
        embedding: () => expect.fail('no table here'),
        parameter: () => w,
      }
      return adapter.apply(base, unflatten(flat, adapter.layout)).linear('q_proj', x)
    },
    { runtime },
  )
  const y = await run(array(weight, { shape: [2, 2] }), array(adapter.values), array([[1, 2]]))
  return Array.from(y.data as Float32Array, Number)
}

const matmulBy = (w: Tensor, x: Tensor): Tensor => linear(x, w)

describe('one layer, worked by hand', () => {
  const options = { rank: 1, alpha: 4, targetModules: ['q_proj'] }
  const { config } = lora(options)

  it('adds scaling · B · A · x', async () => {
    const adapter = adapterFrom(config, [layer], Float32Array.of(0.5, -1, 2, 1))
    expect(await outputOf(adapter)).toEqual([-7, 5])
    expect(Array.from(deltaWeight(adapter, 'q_proj')!)).toEqual([4, -8, 2, -4])
    expect(Array.from(mergeWeight(adapter, 'q_proj', weight))).toEqual([5, -6, 5, 0])
  })

  it('with magnitudes of DoRA stretches each output to its length', async () => {
    const magnitudes = [Math.sqrt(5), 5]
    const values = Float32Array.of(0.5, -1, 2, 1, ...magnitudes)
    const adapter = adapterFrom(lora({ ...options, dora: true }).config, [layer], values)
    const [first, second] = await outputOf(adapter)
    expect(first).toBeCloseTo(-2.004094, 6)
    expect(second).toBeCloseTo(5, 6)
  })

  it('refuses values of another size', () => {
    expect(() => adapterFrom(config, [layer], new Float32Array(3))).toThrowErrorMatchingInlineSnapshot(
      `[LoraError: adapter: expected 4 weights for these modules, got 3. Use the config the weights were made with.]`,
    )
  })

  it('refuses to merge what is not finite', () => {
    const adapter = adapterFrom(config, [layer], Float32Array.of(Number.NaN, 0, 1, 1))
    expect(() => mergeWeight(adapter, 'q_proj', weight)).toThrowErrorMatchingInlineSnapshot(
      `[LoraError: mergeParameter: expected finite values for q_proj.weight, got NaN or Infinity. The adapter diverged: train it with a lower rate.]`,
    )
  })
})

const rows: NdArray = { dtype: 'int32', shape: [1, 5], data: Int32Array.of(3, 4, 5, 6, 7) }
const positions: NdArray = { dtype: 'int32', shape: [1, 5], data: Int32Array.of(0, 1, 2, 3, 4) }

const hiddenOf = async (model: ReturnType<typeof tinyModel>, adapter?: LoraAdapter): Promise<Float32Array> => {
  const run = compile(
    (ids: Tensor, at: Tensor, flat: Tensor) => {
      const net = adapter ? adapter.apply(model.network(), unflatten(flat, adapter.layout)) : model.network()
      const { weight: head } = model.outputHead(net)
      return linear(model.hiddenStates(net, { ids, positions: at }), head)
    },
    { runtime },
  )
  return (await run(rows, positions, array(adapter?.values ?? [0]))).data as Float32Array
}

const largest = (a: Float32Array, b: Float32Array): number =>
  a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0)

const variants: [name: string, family: Parameters<typeof tinyModel>[0], options: LoraOptions][] = [
  ['all linear layers', 'qwen2', { rank: 2, targetModules: 'all-linear' }],
  ['GPT-2, which stores [in, out]', 'gpt2', { rank: 2, targetModules: ['c_attn', 'c_proj'] }],
  ['DoRA', 'qwen2', { rank: 2, targetModules: 'all-linear', dora: true }],
  ['DoRA on GPT-2', 'gpt2', { rank: 2, targetModules: ['c_fc'], dora: true }],
  ['trained biases', 'qwen2', { rank: 2, targetModules: ['q_proj', 'o_proj'], bias: 'lora_only' }],
  ['a table', 'qwen2', { rank: 2, targetModules: ['embed_tokens', 'v_proj'] }],
  ['PiSSA', 'qwen2', { rank: 2, targetModules: 'all-linear', init: 'pissa' }],
  ['PiSSA on GPT-2', 'gpt2', { rank: 2, targetModules: ['c_attn', 'c_proj'], init: 'pissa_niter_4' }],
  ['PiSSA with DoRA', 'qwen2', { rank: 2, targetModules: 'all-linear', init: 'pissa', dora: true }],
  ['PiSSA with DoRA on GPT-2', 'gpt2', { rank: 2, targetModules: ['c_fc'], init: 'pissa', dora: true }],
  [
    'PiSSA beside a table, biases and a module to save',
    'qwen2',
    {
      rank: 2,
      targetModules: ['embed_tokens', 'q_proj', 'v_proj'],
      init: 'pissa',
      bias: 'lora_only',
      modulesToSave: ['lm_head'],
    },
  ],
  [
    'PiSSA with patterns, rank-stabilised',
    'qwen2',
    {
      rank: 2,
      alpha: 3,
      targetModules: ['q_proj', 'down_proj'],
      init: 'pissa',
      rankStabilized: true,
      rankPattern: { q_proj: 3 },
      alphaPattern: { 'layers.1.mlp.down_proj': 1 },
    },
  ],
  ['a module to save', 'qwen2', { rank: 2, targetModules: ['q_proj'], modulesToSave: ['lm_head'] }],
]

describe.each(variants)('%s', (_, family, options) => {
  const model = tinyModel(family, runtime)
  const fresh = lora(options).create(model.modules, { seed: 3, weight: weightsOf(model) })
  const moved = adapterFrom(
    fresh.config,
    fresh.modules,
    fresh.values.map((value, i) => value + 0.1 * Math.sin(i + 1)),
    fresh.start,
  )

  it('changes nothing before training', async () => {
    expect(largest(await hiddenOf(model, fresh), await hiddenOf(model))).toBeLessThan(1e-5)
  })

  it('gives the same numbers for layers asked for together and one by one', async () => {
    const oneByOne: LoraAdapter = {
      ...moved,
      apply: (...given) => {
        const { linears: _, ...net } = moved.apply(...given)
        return net
      },
    }
    expect(largest(await hiddenOf(model, moved), await hiddenOf(model, oneByOne))).toBeLessThan(1e-6)
  })

  it('gives the logits of the merged model', async () => {
    const merged = tinyModel(family, runtime, (name, parameter) => ({
      ...parameter,
      data: mergeParameter(moved, name, parameter.data as Float32Array),
    }))
    const adapted = await hiddenOf(model, moved)
    expect(largest(adapted, await hiddenOf(model))).toBeGreaterThan(1e-2)
    expect(largest(adapted, await hiddenOf(merged))).toBeLessThan(1e-4)
  })
})

it('starts from the seed alone', () => {
  const { modules } = tinyModel('qwen2')
  const values = (seed: number) => lora({ targetModules: ['q_proj'] }).create(modules, { seed }).values
  expect(values(1)).toEqual(values(1))
  expect(values(1)).not.toEqual(values(2))
})

it('draws A evenly from ±1/√in, and with gaussian from N(0, 1/r²)', () => {
  const wide: Module = { path: 'q_proj', kind: 'linear', inFeatures: 400, outFeatures: 1, bias: false }
  const spread = (init: 'default' | 'gaussian') => {
    const { values } = lora({ rank: 16, targetModules: ['q_proj'], init }).create([wide], { seed: 1 })
    const a = values.subarray(0, 6400)
    return { most: Math.max(...a.map(Math.abs)), deviation: Math.sqrt(a.reduce((sum, v) => sum + v * v, 0) / 6400) }
  }
  expect(spread('default').most).toBeLessThanOrEqual(0.05)
  // Four standard errors of a deviation over 6400 draws: σ·√((κ − 1) / 4n), kurtosis κ = 1.8 and 3.
  const error = (kurtosis: number) => 4 * Math.sqrt((kurtosis - 1) / 4 / 6400)
  expect(Math.abs(spread('default').deviation / (0.05 / Math.sqrt(3)) - 1)).toBeLessThan(error(1.8))
  expect(Math.abs(spread('gaussian').deviation * 16 - 1)).toBeLessThan(error(3))
})

it('asks for the weights that DoRA starts from', () => {
  const { modules } = tinyModel('qwen2')
  expect(() =>
    lora({ targetModules: ['q_proj'], dora: true }).create(modules, { seed: 1 }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[LoraError: lora: expected the model's weights to start from (model.layers.0.self_attn.q_proj.weight), got none. Pass weight: weightsOf(model) to create.]`,
  )
})

describe('structure', () => {
  const model = tinyModel('qwen2')
  const made = (options: Partial<LoraOptions>, seed = 1) =>
    lora({ rank: 2, alpha: 4, targetModules: ['v_proj'], ...options }).create(model.modules, { seed })

  it('is equal for adapters that differ in values, initial values and dropout alone', () => {
    const { structure } = made({})
    expect(made({}, 2).structure).toBe(structure)
    expect(made({ init: 'gaussian', dropout: 0.1 }).structure).toBe(structure)
  })

  it('of PiSSA tells starts apart, which are constants of programs, and values not', () => {
    const pissa = (init: LoraInit, change: (weight: Float32Array) => Float32Array = (weight) => weight) => {
      const weight = (name: string) => change(weightsOf(model)(name))
      return lora({ rank: 2, alpha: 4, targetModules: ['v_proj'], init }).create(model.modules, { seed: 1, weight })
    }
    const first = pissa('pissa')
    expect(pissa('pissa').structure).toBe(first.structure)
    const moved = first.values.map((value) => value + 1)
    expect(adapterFrom(first.config, first.modules, moved, first.start).structure).toBe(first.structure)
    const others = [made({}), pissa('pissa', (weight) => weight.map((value) => 2 * value)), pissa('pissa_niter_0')]
    expect(new Set([first, ...others].map(({ structure }) => structure)).size).toBe(4)
  })

  it('differs where the adapter enters the network otherwise', () => {
    const others: Partial<LoraOptions>[] = [
      { rank: 3 },
      { alpha: 8 },
      { rankStabilized: true },
      { targetModules: ['q_proj'] },
      { alphaPattern: { v_proj: 1 } },
    ]
    const structures = [made({}), ...others.map((options) => made(options))].map(({ structure }) => structure)
    expect(new Set(structures).size).toBe(structures.length)
  })
})
