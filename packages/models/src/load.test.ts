import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import {
  type CompileOptions,
  compile,
  constantSource,
  fillNormal,
  foldIn,
  type NdArray,
  type Runtime,
  randomKey,
  type Tensor,
} from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { float32ToBfloat16 } from '@qilin-med/tensor/safetensors'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { WeightFormat } from './checkpoint/format'
import { writeCheckpoint } from './checkpoint/write'
import { parseConfig } from './config/parse'
import { parametersOf } from './families/modules'
import { projectToVocabulary } from './forward'
import { type LoadedModel, loadModel } from './load'

const sizes = { vocab_size: 70, hidden_size: 32, intermediate_size: 48, num_hidden_layers: 2, num_attention_heads: 2 }
const configs = {
  untied: { ...sizes, model_type: 'qwen2', num_key_value_heads: 1, tie_word_embeddings: false },
  tied: { ...sizes, model_type: 'llama', tie_word_embeddings: true },
  gpt2: { model_type: 'gpt2', vocab_size: 70, n_embd: 32, n_layer: 2, n_head: 2, n_positions: 16 },
} as const
type Family = keyof typeof configs

let root: string
let runtime: Runtime
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'qilin-load-'))
  runtime = await nodeRuntime({ threads: 1 })
  for (const [name, config] of Object.entries(configs))
    await writeCheckpoint(join(root, name), { config, tensors: tensorsOf(config, name === 'tied' ? 1 : 0) })
})
afterAll(async () => {
  await runtime.dispose()
  await rm(root, { recursive: true, force: true })
})

const tensorsOf = (config: (typeof configs)[Family], seed: number) =>
  parametersOf(parseConfig(config)).map(({ name, shape }, index) => {
    const data = new Float32Array(shape.reduce((size, length) => size * length, 1))
    fillNormal(foldIn(randomKey(seed), index), data, shape.length === 1 ? 0.1 : 0.25)
    const shifted = /norm|ln_.*weight/.test(name) ? data.map((value) => value + 1) : data
    return { name, shape, dtype: 'float32' as const, data: () => shifted }
  })

const load = (family: Family, weights: WeightFormat): Promise<LoadedModel> =>
  loadModel(join(root, family), { runtime, weights, cacheFolder: join(root, 'cache') })

const ids: NdArray = { dtype: 'int32', shape: [1, 7], data: Int32Array.of(1, 69, 3, 20, 5, 64, 7) }
const positions: NdArray = { dtype: 'int32', shape: [1, 7], data: Int32Array.of(0, 1, 2, 3, 4, 5, 6) }

/** Logits of every position, and what the look-up of the ids gives. */
const outputsOf = async (
  model: LoadedModel,
  options: Partial<CompileOptions> = {},
): Promise<[Float32Array, Float32Array]> => {
  const run = compile(
    (tokens: Tensor, at: Tensor) => {
      const net = model.network()
      const table = model.config.family === 'gpt2' ? 'transformer.wte' : 'model.embed_tokens'
      const logits = projectToVocabulary(model.outputHead(net), model.hiddenStates(net, { ids: tokens, positions: at }))
      return [logits, net.embedding(table, tokens)]
    },
    { runtime, ...options },
  )
  const [logits, rows] = (await run(ids, positions)) as NdArray[]
  await run.dispose()
  return [logits!.data as Float32Array, rows!.data as Float32Array]
}

const relativeError = (ours: Float32Array, theirs: Float32Array): number => {
  const square = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0)
  return Math.sqrt(square(ours.map((value, i) => value - theirs[i]!)) / square(theirs))
}

/** Error of the logits relative to their size. 4 bits change each matrix by a tenth; two layers of width 32 average little out. */
const formats: readonly [format: WeightFormat, bound: number][] = [
  ['bfloat16', 0.02],
  ['float16', 0.003],
  ['int8', 0.04],
  ['int4', 0.5],
  ['nf4', 0.5],
  [{ scheme: 'int4', block: 16, products: 'int8' }, 0.5],
]

describe.each(Object.keys(configs) as Family[])('%s', (family) => {
  it.each(formats)('%j gives nearly the same logits and the same look-ups', async (format, bound) => {
    const [exact, rows] = await outputsOf(await load(family, 'float32'))
    const [logits, found] = await outputsOf(await load(family, format))
    const error = relativeError(logits, exact)
    expect(error).toBeLessThan(bound)
    expect(error).toBeGreaterThan(bound / 100)
    const quantised = typeof format === 'object' || /^(int|nf)/.test(format)
    if (quantised) expect(found).toEqual(rows)
    else expect(relativeError(found, rows)).toBeLessThan(bound)
  })
})

it.each(['float16', 'int8'] as const)(
  'takes a folder relative to the working directory, with %s weights elsewhere',
  async (weights) => {
    const folder = join(root, '模型 a')
    await cp(join(root, 'tied'), folder, { recursive: true })
    const cacheFolder = join(root, 'of a relative folder')
    const model = await loadModel(relative(process.cwd(), folder), { runtime, weights, cacheFolder })
    const expected = await outputsOf(await load('tied', weights))
    expect(await outputsOf(model)).toEqual(expected)
  },
)

it('keeps 16-bit matrices where the checkpoint has them', async () => {
  const folder = join(root, 'half')
  const config = configs.tied
  const half = tensorsOf(config, 2).map((tensor) => ({
    ...tensor,
    dtype: 'bfloat16' as const,
    data: () => float32ToBfloat16(tensor.data()),
  }))
  await writeCheckpoint(folder, { config, tensors: half })
  const model = await loadModel(folder, { runtime, weights: 'bfloat16', cacheFolder: join(root, 'half-cache') })
  const [matrix, gain] = ['model.layers.0.self_attn.q_proj.weight', 'model.norm.weight'].map(
    (name) => constantSource(model.weight(name))!,
  )
  expect(matrix!.location!.path.startsWith(folder)).toBe(true)
  expect(matrix!.dtype).toBe('bfloat16')
  expect(gain!.dtype).toBe('float32')
})

it('quantises once: later loads find the file', async () => {
  const cacheFolder = join(root, 'once')
  const place = async () => {
    const model = await loadModel(join(root, 'tied'), { runtime, weights: 'int8', cacheFolder })
    const { weight } = constantSource(model.weight('model.layers.1.mlp.down_proj.weight'))!.quantized!
    return weight.scheme === 'int8' ? weight.codes.location! : undefined
  }
  expect(await place()).toEqual(await place())
  expect(await readdir(cacheFolder)).toHaveLength(1)
})

it('still reads the original values, which adapters are merged into', async () => {
  const [quantised, exact] = [await load('untied', 'int4'), await load('untied', 'float32')]
  const name = 'model.layers.0.mlp.up_proj.weight'
  expect(await quantised.checkpoint.read(name)).toEqual(constantSource(exact.weight(name))!.read())
})

it('refuses a format it does not know', async () => {
  await expect(load('tied', 'int3' as never)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[ModelsError: loadModel: weights must be float32, bfloat16, float16, int8, int4 or nf4, got 'int3'. Leave it out for float32.]`,
  )
})

it('refuses weights that cannot be rounded, and writes nothing', async () => {
  const folder = join(root, 'broken')
  const tensors = tensorsOf(configs.tied, 3).map((tensor, i) =>
    i === 3 ? { ...tensor, data: () => tensor.data().map(() => Number.NaN) } : tensor,
  )
  await writeCheckpoint(folder, { config: configs.tied, tensors })
  const cacheFolder = join(root, 'broken-cache')
  const loading = loadModel(folder, { runtime, weights: 'int8', cacheFolder })
  await expect(loading).rejects.toMatchObject({
    code: 'bad-checkpoint',
    tensor: 'model.layers.0.self_attn.v_proj.weight',
    message: expect.stringContaining('expected finite weights in model.layers.0.self_attn.v_proj.weight'),
  })
  expect(await readdir(cacheFolder)).toEqual([])
})
