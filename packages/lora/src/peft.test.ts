import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readFloat32, readSafetensors, writeSafetensors } from '@qilin-med/tensor/safetensors'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { adapterFrom, lora } from './adapter'
import type { LoraOptions } from './config'
import { mergeParameter } from './merge'
import { loadAdapter, saveAdapter } from './peft'
import { tinyModel } from './test/tiny-model'
import { weightsOf } from './weights'

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'adapter-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

const model = tinyModel('qwen2')
const make = (options: Partial<LoraOptions> = {}) =>
  lora({ rank: 2, alpha: 4, targetModules: ['q_proj'], ...options }).create(model.modules, {
    seed: 5,
    weight: weightsOf(model),
  })

const saved = async (adapter = make()): Promise<string> => {
  const folder = await mkdtemp(join(root, 'folder-'))
  await saveAdapter(folder, adapter, { baseModel: 'invented/base' })
  return folder
}

const changeConfig = async (folder: string, change: object): Promise<string> => {
  const path = join(folder, 'adapter_config.json')
  await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...change }))
  return folder
}

const tensorNames = async (folder: string): Promise<string[]> => [
  ...(await readSafetensors(join(folder, 'adapter_model.safetensors'))).tensors.keys(),
]

describe('files', () => {
  it.each<[string, Partial<LoraOptions>]>([
    ['plain', {}],
    [
      'every option',
      { rankStabilized: true, dropout: 0.1, rankPattern: { 'layers.1.*': 3 }, alphaPattern: { q_proj: 1 } },
    ],
    ['DoRA', { dora: true }],
    ['biases', { bias: 'lora_only' }],
    ['tables and saved modules', { targetModules: ['embed_tokens', 'q_proj'], modulesToSave: ['lm_head'] }],
    ['a regular expression', { targetModules: '/.*\\.1\\..*_proj/', excludeModules: ['k_proj'] }],
    ['one name', { targetModules: 'q_proj' }],
    ['layers', { layersToTransform: [1], layersPattern: 'layers' }],
  ])('come back as they were written: %s', async (_, options) => {
    const adapter = make(options)
    const back = await loadAdapter(await saved(adapter), model.modules)
    expect(back.values).toEqual(adapter.values)
    expect(back.layout).toEqual(adapter.layout)
    expect(back.modules).toEqual(adapter.modules)
  })

  it('have the names that PEFT gives', async () => {
    const variants = { dora: true, bias: 'lora_only', layersToTransform: 0, modulesToSave: ['lm_head'] } as const
    const layer = 'base_model.model.model.layers.0.self_attn.q_proj'
    expect((await tensorNames(await saved(make(variants)))).sort()).toEqual([
      'base_model.model.lm_head.weight',
      `${layer}.base_layer.bias`,
      `${layer}.lora_A.weight`,
      `${layer}.lora_B.weight`,
      `${layer}.lora_magnitude_vector`,
    ])
    expect(await tensorNames(await saved(make({ targetModules: ['embed_tokens'] })))).toEqual([
      'base_model.model.model.embed_tokens.lora_embedding_A',
      'base_model.model.model.embed_tokens.lora_embedding_B',
    ])
  })

  it('have a config with sorted keys and leave nothing else behind', async () => {
    const folder = await saved()
    const config = JSON.parse(await readFile(join(folder, 'adapter_config.json'), 'utf8')) as Record<string, unknown>
    expect(Object.keys(config)).toEqual(Object.keys(config).sort())
    expect(config).toMatchObject({ peft_type: 'LORA', r: 2, lora_alpha: 4, base_model_name_or_path: 'invented/base' })
    expect((await readdir(folder)).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors'])
  })

  it('of GPT-2 say that weights are stored [in, out]', async () => {
    const adapter = lora({ targetModules: ['c_attn'] }).create(tinyModel('gpt2').modules, { seed: 1 })
    const text = await readFile(join(await saved(adapter), 'adapter_config.json'), 'utf8')
    expect(JSON.parse(text)).toMatchObject({ fan_in_fan_out: true })
  })

  it('may hold fields nobody knows and lack those with defaults', async () => {
    const folder = await changeConfig(await saved(), { velora_config: null, lora_dropout: undefined, invented: 1 })
    expect((await loadAdapter(folder, model.modules)).config.dropout).toBe(0)
  })
})

describe('files of PiSSA adapters', () => {
  const pissa = (options: Partial<LoraOptions> = {}) => {
    const { config, modules, values, start } = make({ init: 'pissa', ...options })
    return adapterFrom(
      config,
      modules,
      values.map((value, i) => value + 0.1 * Math.sin(i + 1)),
      start,
    )
  }
  const patterns = { rankPattern: { 'layers.1.*': 3 }, alphaPattern: { q_proj: 1 } }

  it.each<[string, Partial<LoraOptions>]>([
    ['alone', {}],
    ['with patterns', patterns],
    ['rank-stabilised, with patterns', { ...patterns, rankStabilized: true }],
    ['with DoRA', { dora: true }],
    ['beside tables, whose rank stays', { ...patterns, targetModules: ['embed_tokens', 'q_proj'] }],
    ['beside a table with a pattern', { targetModules: ['embed_tokens', 'q_proj'], rankPattern: { embed_tokens: 1 } }],
    ['with biases and a saved module', { bias: 'lora_only', modulesToSave: ['lm_head'] }],
  ])('come back as plain LoRA that changes every weight alike: %s', async (_, options) => {
    const adapter = pissa(options)
    const back = await loadAdapter(await saved(adapter), model.modules)
    expect([back.config.init, back.start]).toEqual(['default', undefined])
    for (const { name } of model.parameters) {
      const weight = weightsOf(model)(name)
      const expected = mergeParameter(adapter, name, weight)
      // The shortest float32 numbers of size 1 lie 1.2e-7 apart.
      mergeParameter(back, name, weight).forEach((value, i) => {
        expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-6)
      })
    }
  })

  it('say twice the rank at the same scaling', async () => {
    const configOf = async (options: Partial<LoraOptions>) => {
      const text = await readFile(join(await saved(pissa(options)), 'adapter_config.json'), 'utf8')
      const { r, lora_alpha, rank_pattern, alpha_pattern, init_lora_weights } = JSON.parse(text)
      return { r, lora_alpha, rank_pattern, alpha_pattern, init_lora_weights }
    }
    expect(await configOf(patterns)).toEqual({
      r: 4,
      lora_alpha: 8,
      rank_pattern: { 'layers.1.*': 6 },
      alpha_pattern: { q_proj: 2 },
      init_lora_weights: true,
    })
    expect(await configOf({ rankStabilized: true, targetModules: ['embed_tokens', 'q_proj'] })).toEqual({
      r: 4,
      lora_alpha: 4 * Math.SQRT2,
      rank_pattern: { 'model\\.embed_tokens': 2 },
      alpha_pattern: { 'model\\.embed_tokens': 4 },
      init_lora_weights: true,
    })
  })

  it('hold A over A₀ and B beside −B₀', async () => {
    const adapter = pissa({ layersToTransform: 0 })
    const file = await readSafetensors(join(await saved(adapter), 'adapter_model.safetensors'))
    const stored = (factor: string) => readFloat32(file, `base_model.model.model.layers.0.self_attn.q_proj.${factor}`)
    const [a, b] = [adapter.values.subarray(0, 16), adapter.values.subarray(16)]
    const [firstA, firstB] = [adapter.start!.subarray(0, 16), adapter.start!.subarray(16)]
    expect(await stored('lora_A.weight')).toEqual(Float32Array.of(...a, ...firstA))
    const rows = Array.from({ length: 8 }, (_, o) => [
      ...b.subarray(2 * o, 2 * o + 2),
      ...firstB.subarray(2 * o, 2 * o + 2).map((value) => -value),
    ])
    expect(await stored('lora_B.weight')).toEqual(Float32Array.from(rows.flat()))
  })
})

describe('errors', () => {
  const messageOf = async (folder: string, modules = model.modules): Promise<string> => {
    const error = await loadAdapter(folder, modules).then(
      () => expect.fail('expected an error'),
      (reason: Error) => reason,
    )
    return error.message.replaceAll(folder, 'FOLDER')
  }

  it('names the folder that is none', async () => {
    expect(await messageOf(join(root, 'nowhere'))).toMatchInlineSnapshot(
      `"loadAdapter: expected an adapter folder with FOLDER/adapter_config.json, got none. Check the folder."`,
    )
  })

  it('names the variant that is not supported', async () => {
    expect(await messageOf(await changeConfig(await saved(), { bias: 'all' }))).toMatchInlineSnapshot(
      `"loadAdapter: FOLDER/adapter_config.json must have bias = none or lora_only, got "all". This variant is not supported: merge the adapter with the library that made it."`,
    )
  })

  it('says how to save adapters that belong to changed base weights', async () => {
    expect(
      await messageOf(await changeConfig(await saved(), { init_lora_weights: 'pissa_niter_4' })),
    ).toMatchInlineSnapshot(
      `"loadAdapter: FOLDER/adapter_config.json must have an init_lora_weights that leaves the base weights as they are, got "pissa_niter_4", whose factors belong to changed ones. Save it in PEFT with save_pretrained(folder, path_initial_model_for_weight_conversion=...), which writes plain LoRA."`,
    )
    expect(await messageOf(await changeConfig(await saved(), { init_lora_weights: 'loftq' }))).toMatchInlineSnapshot(
      `"loadAdapter: FOLDER/adapter_config.json must have an init_lora_weights that leaves the base weights as they are, got "loftq", whose factors belong to changed ones. Merge it with PEFT and load the merged model."`,
    )
  })

  it('names the tensor whose shape does not fit the model', async () => {
    expect(await messageOf(await changeConfig(await saved(), { r: 3 }))).toMatchInlineSnapshot(
      `"loadAdapter: FOLDER/adapter_model.safetensors must hold base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight with shape [3,8], got [2,8]. Load it onto the model it was trained on."`,
    )
  })

  it('names the tensor that belongs to no layer', async () => {
    const folder = await changeConfig(await saved(), { layers_to_transform: [0] })
    expect(await messageOf(folder)).toMatchInlineSnapshot(
      `"loadAdapter: FOLDER/adapter_model.safetensors must hold weights of the model's layers only, got base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight. Load it onto the model it was trained on."`,
    )
  })

  it('names the tensor that is not finite', async () => {
    const folder = await saved()
    const tensors = make().layout.entries.map(({ name, shape, size }) => ({
      name: `base_model.model.${name}`,
      dtype: 'float32' as const,
      shape,
      data: new Float32Array(size).fill(name.includes('1.self_attn.q_proj.lora_B') ? Number.NaN : 1),
    }))
    await writeSafetensors(join(folder, 'adapter_model.safetensors'), tensors)
    expect(await messageOf(folder)).toMatchInlineSnapshot(
      `"loadAdapter: FOLDER/adapter_model.safetensors must hold finite numbers, got NaN or Infinity in base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight. The run that wrote it diverged."`,
    )
  })
})
