import type { LanguageModel, Module } from '@qilin-med/models'
import {
  array,
  compile,
  constant,
  linear,
  mul,
  type NdArray,
  referenceRuntime,
  sin,
  sum,
  type Tensor,
  unflatten,
  valueAndGrad,
} from '@qilin-med/tensor'
import { describe, expect, it } from 'vitest'
import { adapterFrom, type LoraAdapter, lora } from './adapter'
import type { LoraInit, LoraOptions } from './config'
import { deltaWeight, mergeParameter } from './merge'
import { startLayout } from './start'
import { tinyModel } from './test/tiny-model'
import { weightsOf } from './weights'

const runtime = referenceRuntime()
const largest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a, (value, i) => Math.abs(value - b[i]!)).reduce((worst, value) => Math.max(worst, value), 0)
const moved = (values: Float32Array): Float32Array => values.map((value, i) => value + 0.1 * Math.sin(i + 1))

describe('one layer, worked by hand', () => {
  // W = diag(3, 2): the largest value 3 belongs to the first unit vectors. Scaling 4 / 1: A = B = ±√(3/4) · e₁.
  const weight = () => Float32Array.of(3, 0, 0, 2)
  const layer = (kind: Module['kind']): Module => ({ path: 'q', kind, inFeatures: 2, outFeatures: 2, bias: false })
  const make = (kind: Module['kind'] = 'linear') =>
    lora({ rank: 1, alpha: 4, targetModules: ['q'], init: 'pissa' }).create([layer(kind)], { seed: 1, weight })

  it.each(['linear', 'conv1d'] as const)('has the roots of S / scaling in both factors: %s', (kind) => {
    const { values, start, layout } = make(kind)
    expect(largest(values.map(Math.abs), [Math.sqrt(3 / 4), 0, Math.sqrt(3 / 4), 0])).toBeLessThan(1e-7)
    expect(start).toEqual(values)
    expect(startLayout(make().config, [layer(kind)])).toEqual(layout)
  })

  it('changes the weight by what B·A moved away from its start', () => {
    const { config, modules, values, start } = make()
    expect(Array.from(deltaWeight(make(), 'q')!, Math.abs)).toEqual([0, 0, 0, 0])
    const doubled = values.map((value, i) => (i < 2 ? 2 * value : value))
    expect(largest(deltaWeight(adapterFrom(config, modules, doubled, start), 'q')!, [3, 0, 0, 0])).toBeLessThan(1e-6)
  })
})

const rows: NdArray = { dtype: 'int32', shape: [1, 5], data: Int32Array.of(3, 4, 5, 6, 7) }
const positions: NdArray = { dtype: 'int32', shape: [1, 5], data: Int32Array.of(0, 1, 2, 3, 4) }
const dropoutKey = (path: string): Tensor =>
  constant({ dtype: 'int64', shape: [2], data: BigInt64Array.of(9n, BigInt(path.length)) })

/** Logits, and the gradient of a function of all of them by the adapter's values. */
const pass = async (model: LanguageModel, adapter: LoraAdapter, training: boolean) => {
  const run = compile(
    (ids: Tensor, at: Tensor, flat: Tensor) => {
      const logitsOf = (values: Tensor): Tensor => {
        const options = training ? { dropoutKey } : {}
        const net = adapter.apply(model.network(), unflatten(values, adapter.layout), options)
        return linear(model.hiddenStates(net, { ids, positions: at }), model.outputHead(net).weight)
      }
      const [, gradient] = valueAndGrad((values: Tensor) => sum(mul(sin(logitsOf(values)), logitsOf(values))))(flat)
      return { logits: logitsOf(flat), gradient }
    },
    { runtime },
  )
  const { logits, gradient } = await run(rows, positions, array(adapter.values))
  return { logits: logits.data as Float32Array, gradient: gradient.data as Float32Array }
}

const cases: [name: string, family: Parameters<typeof tinyModel>[0], options: LoraOptions][] = [
  ['linear layers', 'qwen2', { rank: 2, alpha: 3, targetModules: 'all-linear' }],
  ['GPT-2', 'gpt2', { rank: 2, targetModules: ['c_attn', 'c_fc'] }],
  ['DoRA', 'qwen2', { rank: 2, targetModules: 'all-linear', dora: true }],
  ['DoRA on GPT-2', 'gpt2', { rank: 2, targetModules: ['c_attn', 'c_fc'], dora: true }],
  ['biases beside a table', 'qwen2', { rank: 2, targetModules: ['q_proj', 'embed_tokens'], bias: 'lora_only' }],
  ['patterns', 'qwen2', { rank: 2, targetModules: 'all-linear', rankStabilized: true, rankPattern: { q_proj: 3 } }],
]

describe.each(cases)('as in PEFT: %s', (_, family, options) => {
  const model = tinyModel(family, runtime)
  const factory = lora({ ...options, dropout: 0.3, init: 'pissa' })
  const fresh = factory.create(model.modules, { seed: 3, weight: weightsOf(model) })
  const trained = adapterFrom(fresh.config, fresh.modules, moved(fresh.values), fresh.start)

  // PEFT's own form: plain LoRA of the same values over weights without s·B₀·A₀.
  const { config } = lora({ ...options, dropout: 0.3 })
  const plain = adapterFrom(config, fresh.modules, trained.values)
  const linears = fresh.modules.filter(({ kind }) => kind !== 'embedding')
  const principal = adapterFrom(lora({ ...options, dora: false, bias: 'none' }).config, linears, fresh.start!)
  const residual = tinyModel(family, runtime, (name, { data, ...parameter }) => {
    const change = name.endsWith('.weight') ? deltaWeight(principal, name.slice(0, -'.weight'.length)) : undefined
    return { ...parameter, data: change ? (data as Float32Array).map((value, i) => value - change[i]!) : data }
  })

  it.each([
    ['gives the logits and gradients of plain LoRA over weights without their principal part', false],
    ['drops what plain LoRA over those weights drops while training', true],
  ])('%s', async (_, training) => {
    const ours = await pass(model, trained, training)
    const theirs = await pass(residual, plain, training)
    // Weights without their principal part are rounded to float32 once more: some 1e-8 of size 1 in each.
    expect(largest(ours.logits, theirs.logits)).toBeLessThan(1e-5)
    const most = theirs.gradient.reduce((size, value) => Math.max(size, Math.abs(value)), 0)
    expect(largest(ours.gradient, theirs.gradient)).toBeLessThan(1e-5 * most)
    expect(most).toBeGreaterThan(0.1)
  })
})

describe('a start', () => {
  const model = tinyModel('qwen2', runtime)
  const weight = weightsOf(model)
  const make = (init: LoraInit, seed = 1) =>
    lora({ rank: 2, targetModules: ['q_proj', 'down_proj'], init }).create(model.modules, { seed, weight })

  it('is made again bit for bit from weights and seed, as a resumed run does', () => {
    expect(make('pissa').start).toEqual(make('pissa', 2).start)
    expect(make('pissa_niter_2').start).toEqual(make('pissa_niter_2').start)
    expect(make('pissa_niter_2').start).not.toEqual(make('pissa_niter_2', 2).start)
  })

  it('is left alone by values that are trained in place', () => {
    const adapter = make('pissa')
    const before = adapter.start!.slice()
    adapter.values.fill(0)
    expect(adapter.start).toEqual(before)
  })

  it('stays with a copy of the adapter that has other values', () => {
    const adapter = make('pissa')
    const copy = { ...adapter, values: moved(adapter.values) }
    const name = 'model.layers.0.self_attn.q_proj.weight'
    const rebuilt = adapterFrom(adapter.config, adapter.modules, copy.values, adapter.start)
    expect(mergeParameter(copy, name, weight(name))).toEqual(mergeParameter(rebuilt, name, weight(name)))
  })

  it('comes close to the exact one by iterations', () => {
    const change = ({ start, values, modules }: LoraAdapter) => {
      const zero = adapterFrom(
        make('pissa').config,
        modules,
        values.map(() => 0),
        start,
      )
      return deltaWeight(zero, 'model.layers.0.mlp.down_proj')!
    }
    const exact = change(make('pissa'))
    expect(largest(change(make('pissa_niter_40')), exact)).toBeLessThan(1e-4)
    expect(largest(change(make('pissa_niter_0')), exact)).toBeGreaterThan(1e-2)
  })
})

describe('errors', () => {
  const model = tinyModel('qwen2')
  const make = (options: Partial<LoraOptions>, weight = weightsOf(model)) =>
    lora({ rank: 2, targetModules: ['k_proj'], init: 'pissa', ...options }).create(model.modules, { seed: 1, weight })

  it('asks for the weights', () => {
    expect(() =>
      lora({ targetModules: ['k_proj'], init: 'pissa' }).create(model.modules, { seed: 1 }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[LoraError: lora: expected the model's weights to start from (model.layers.0.self_attn.k_proj.weight), got none. Pass weight: weightsOf(model) to create.]`,
    )
  })

  it('names the layer that has fewer singular values than the rank', () => {
    expect(() => make({ rank: 5 })).toThrowErrorMatchingInlineSnapshot(
      `[LoraError: lora: rank must be at most 4 for model.layers.0.self_attn.k_proj with init 'pissa', which has no more singular values, got 5. Lower rank, or give this layer its own by rankPattern.]`,
    )
    expect(() => make({ rank: 5 })).toThrow(
      expect.objectContaining({ code: 'options', module: 'model.layers.0.self_attn.k_proj' }),
    )
    expect(() => make({ rankPattern: { 'layers.1.self_attn.k_proj': 9 } })).toThrow(/layers\.1\.self_attn\.k_proj/)
  })

  it('names the weight that is not finite', () => {
    const weight = (name: string) => weightsOf(model)(name).map((value, i) => (i === 3 ? Number.NaN : value))
    expect(() => make({}, weight)).toThrowErrorMatchingInlineSnapshot(
      `[LoraError: lora: expected finite numbers in model.layers.0.self_attn.k_proj.weight, which init 'pissa' starts from, got NaN or Infinity. Check the checkpoint.]`,
    )
  })

  it('refuses an alpha that it cannot divide by', () => {
    expect(() => make({ alpha: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[LoraError: lora: alpha must be above 0 with init 'pissa', which divides by it, got 0. Use for example the rank.]`,
    )
    expect(() => make({ alphaPattern: { k_proj: -1 } })).toThrow(/alpha must be above 0/)
  })

  it.each(['olora', 'pissa_niter_', 'pissa_niter_-1', 'pissa_niter_1.5'])('refuses init %s', (init) => {
    expect(() => make({ init: init as LoraInit })).toThrow(/init must be 'default', 'gaussian', 'pissa' or/)
  })

  it('refuses values without their start', () => {
    const { config, modules, values } = make({})
    expect(() => adapterFrom(config, modules, values)).toThrowErrorMatchingInlineSnapshot(
      `[LoraError: adapter: expected a start of 48 numbers with init 'pissa', got none. Pass the start of the adapter that the weights were trained from.]`,
    )
  })
})
