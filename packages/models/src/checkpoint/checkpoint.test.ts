import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSafetensors, SafetensorsError, type TensorToWrite, writeSafetensors } from '@qilin-med/tensor/safetensors'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseConfig } from '../config/parse'
import { ModelsError } from '../errors'
import { storedWeights } from './format'
import { openCheckpoint } from './open'
import { writeCheckpoint } from './write'

const config = {
  model_type: 'llama',
  vocab_size: 8,
  hidden_size: 4,
  intermediate_size: 4,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  eos_token_id: 2,
  torch_dtype: 'float32',
}

const f32 = (name: string, ...values: number[]): TensorToWrite => ({
  name,
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
})

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'checkpoint-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

/** A fresh folder with a config and the given weight files. */
const folderWith = async (weights: Record<string, readonly TensorToWrite[]>, raw: object = config): Promise<string> => {
  const folder = await mkdtemp(join(root, 'folder-'))
  await writeFile(join(folder, 'config.json'), JSON.stringify(raw))
  for (const [name, tensors] of Object.entries(weights)) await writeSafetensors(join(folder, name), tensors)
  return folder
}

const errorOf = async (promise: Promise<unknown>): Promise<Error & { code?: string; path?: string; tensor?: string }> =>
  promise.then(
    () => expect.fail('expected an error'),
    (error: Error) => error,
  )

describe('openCheckpoint', () => {
  it('says where each tensor lies and reads it', async () => {
    const folder = await folderWith({ 'model.safetensors': [f32('model.norm.weight', 1, 2), f32('lm_head.weight', 3)] })
    const checkpoint = await openCheckpoint(folder)
    expect(checkpoint.names).toEqual(['lm_head.weight', 'model.norm.weight'])
    expect([...(await checkpoint.read('model.norm.weight'))]).toEqual([1, 2])
    const { file, offset, byteLength } = checkpoint.locate('model.norm.weight')!
    const bytes = (await readFile(file.path)).subarray(offset, offset + byteLength)
    expect([...new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + byteLength))]).toEqual([1, 2])
    expect(checkpoint.locate('absent')).toBeUndefined()
  })

  it('gives constants that read themselves, in the format they are stored in', async () => {
    const half: TensorToWrite = {
      name: 'model.norm.weight',
      dtype: 'bfloat16',
      shape: [2],
      data: Uint16Array.of(0x3f80, 0xc000),
    }
    const folder = await folderWith({ 'model.safetensors': [half] })
    const checkpoint = await openCheckpoint(folder)
    const source = checkpoint.source('model.norm.weight')!
    expect({ dtype: source.dtype, shape: source.shape, data: source.read() }).toEqual({
      dtype: 'bfloat16',
      shape: [2],
      data: half.data,
    })
    expect(source.location).toMatchObject({ path: join(folder, 'model.safetensors'), byteLength: 4 })
    expect(checkpoint.source('absent')).toBeUndefined()
    expect([...(await checkpoint.read('model.norm.weight'))]).toEqual([1, -2])
    expect((await checkpoint.readStored('model.norm.weight')).dtype).toBe('bfloat16')
  })

  it.each([
    ['language_model.model.norm.weight', 'model.norm.weight'],
    ['model.language_model.norm.weight', 'model.norm.weight'],
    ['norm.weight', 'model.norm.weight'],
    ['layers.0.mlp.up_proj.weight', 'model.layers.0.mlp.up_proj.weight'],
    ['h.0.ln_1.weight', 'transformer.h.0.ln_1.weight'],
    ['wte.weight', 'transformer.wte.weight'],
    ['transformer.wte.weight', 'transformer.wte.weight'],
    ['lm_head.weight', 'lm_head.weight'],
  ])('knows %s as %s, in one file and in shards', async (stored, name) => {
    const single = await openCheckpoint(await folderWith({ 'model.safetensors': [f32(stored, 7)] }))
    expect([...(await single.read(name))]).toEqual([7])
    expect(single.locate(name)!.file.tensors.has(name)).toBe(true)
    const folder = await folderWith({ 'a.safetensors': [f32(stored, 7)] })
    await writeFile(
      join(folder, 'model.safetensors.index.json'),
      JSON.stringify({ weight_map: { [stored]: 'a.safetensors' } }),
    )
    expect([...((await openCheckpoint(folder)).source(name)!.read() as Float32Array)]).toEqual([7])
  })

  it('takes ids for generation from generation_config.json, else from the config', async () => {
    const folder = await folderWith({ 'model.safetensors': [] })
    expect((await openCheckpoint(folder)).generationConfig).toMatchObject({
      eosIds: [2],
      sample: false,
      topK: undefined,
    })
    await writeFile(join(folder, 'generation_config.json'), '{"eos_token_id": [1, 6], "do_sample": true, "top_k": 64}')
    expect((await openCheckpoint(folder)).generationConfig).toMatchObject({ eosIds: [1, 6], sample: true, topK: 64 })
  })

  it.each<[string, () => Promise<string>, string]>([
    ['a folder that does not exist', async () => join(root, 'absent'), 'not-found'],
    ['a folder without weights', () => folderWith({}), 'not-found'],
    [
      'weights that are a pickle',
      async () => {
        const folder = await folderWith({})
        await writeFile(join(folder, 'pytorch_model.bin'), 'x')
        return folder
      },
      'pickle-checkpoint',
    ],
    [
      'a config of another kind of model',
      () => folderWith({ 'model.safetensors': [] }, { model_type: 'bert' }),
      'unsupported-model',
    ],
    [
      'a config that is no JSON',
      async () => {
        const folder = await folderWith({ 'model.safetensors': [] })
        await writeFile(join(folder, 'config.json'), '{')
        return folder
      },
      'bad-json',
    ],
    [
      'weights that are cut off',
      async () => {
        const folder = await folderWith({ 'model.safetensors': [f32('model.norm.weight', 1, 2)] })
        const path = join(folder, 'model.safetensors')
        await truncate(path, (await stat(path)).size - 1)
        return folder
      },
      'truncated',
    ],
    [
      'an index that leads out of the folder',
      async () => {
        const folder = await folderWith({})
        await writeFile(join(folder, 'model.safetensors.index.json'), '{"weight_map": {"a": "../a.safetensors"}}')
        return folder
      },
      'path-escape',
    ],
  ])('refuses %s', async (_, folder, code) => {
    const path = await folder()
    const error = await errorOf(openCheckpoint(path))
    expect(error.code).toBe(code)
    expect(error.path?.startsWith(path)).toBe(true)
  })

  it('names a tensor that is not there, and one in a format that no program takes', async () => {
    const eight: TensorToWrite = { name: 'lm_head.weight', dtype: 'float8_e4m3', shape: [1], data: Uint8Array.of(1) }
    const checkpoint = await openCheckpoint(await folderWith({ 'model.safetensors': [eight] }))
    const error = await errorOf(checkpoint.read('model.norm.weight'))
    expect(error).toMatchObject({ code: 'missing-tensor', tensor: 'model.norm.weight' })
    expect(() => checkpoint.source('lm_head.weight')).toThrow(ModelsError)
  })
})

describe('writeCheckpoint', () => {
  it('writes what openCheckpoint reads, with the format of the weights in the config', async () => {
    const folder = join(root, 'written')
    const bf16: TensorToWrite = {
      name: 'model.norm.weight',
      dtype: 'bfloat16',
      shape: [1],
      data: Uint16Array.of(0x4000),
    }
    await writeFile(join(root, 'LICENSE'), 'terms')
    await writeFile(join(root, 'tokenizer.json'), '{}')
    const files = await writeCheckpoint(folder, {
      config: parseConfig(config),
      tensors: [bf16],
      generationConfig: { eos_token_id: 3 },
      tokenizerFolder: root,
      files: [join(root, 'LICENSE')],
    })
    expect(await readdir(folder)).toEqual([...files].sort())
    expect([...files].sort()).toEqual([
      'LICENSE',
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
    ])
    const checkpoint = await openCheckpoint(folder)
    expect([...(await checkpoint.read('model.norm.weight'))]).toEqual([2])
    expect(checkpoint.config.raw).toEqual({ ...config, torch_dtype: 'bfloat16' })
    expect(checkpoint.generationConfig.eosIds).toEqual([3])
    expect((await readSafetensors(join(folder, 'model.safetensors'))).metadata).toEqual({ format: 'pt' })
  })

  it('splits weights above the given size, and reads the shards back', async () => {
    const folder = join(root, 'sharded')
    const tensors = [f32('model.a', 1, 2), f32('model.b', 3), f32('model.c', 4, 5, 6, 7), f32('model.d', 8)]
    await writeCheckpoint(folder, { config, tensors, maxShardBytes: 12 })
    expect((await readdir(folder)).filter((name) => name.endsWith('.safetensors'))).toEqual([
      'model-00001-of-00003.safetensors',
      'model-00002-of-00003.safetensors',
      'model-00003-of-00003.safetensors',
    ])
    const index = JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8'))
    expect(index.metadata.total_size).toBe(32)
    const checkpoint = await openCheckpoint(folder)
    expect(checkpoint.unlisted).toEqual([])
    for (const { name, data } of tensors) expect(await checkpoint.read(name)).toEqual(data)
  })

  it('replaces an earlier checkpoint whole, and leaves other files alone', async () => {
    const folder = join(root, 'replaced')
    await writeCheckpoint(folder, { config, tensors: [f32('model.a', 1), f32('model.b', 2)], maxShardBytes: 4 })
    await writeFile(join(folder, 'training.log'), 'kept')
    await writeCheckpoint(folder, { config, tensors: [f32('model.a', 3)] })
    expect(await readdir(folder)).toEqual(['config.json', 'model.safetensors', 'training.log'])
    expect([...(await (await openCheckpoint(folder)).read('model.a'))]).toEqual([3])
  })

  it('leaves the earlier checkpoint as it was when a weight cannot be produced', async () => {
    const folder = join(root, 'kept')
    await writeCheckpoint(folder, { config, tensors: [f32('model.a', 1)] })
    const failing = { ...f32('model.a', 2), data: () => Promise.reject(new Error('out of reach')) }
    await expect(writeCheckpoint(folder, { config, tensors: [failing] })).rejects.toThrow('out of reach')
    await expect(writeCheckpoint(folder, { config, tensors: [{ ...f32('model.a', 2), shape: [2] }] })).rejects.toThrow(
      SafetensorsError,
    )
    expect([...(await (await openCheckpoint(folder)).read('model.a'))]).toEqual([1])
    expect((await readdir(root)).filter((name) => name.endsWith('.partial'))).toEqual([])
  })

  it('says why a folder cannot be written', async () => {
    await writeFile(join(root, 'file'), '')
    const inFile = await errorOf(writeCheckpoint(join(root, 'file', 'x'), { config, tensors: [] }))
    expect(inFile).toMatchObject({ code: 'write-failed' })
    const absent = await errorOf(
      writeCheckpoint(join(root, 'y'), { config, tensors: [], tokenizerFolder: join(root, 'nowhere') }),
    )
    expect(absent.message).toContain('nowhere')
    if (process.getuid?.() === 0) return // root writes everywhere
    await mkdir(join(root, 'locked'))
    await chmod(join(root, 'locked'), 0o500)
    expect(await errorOf(writeCheckpoint(join(root, 'locked', 'x'), { config, tensors: [] }))).toMatchObject({
      code: 'write-failed',
    })
  })
})

describe('storedWeights', () => {
  it('widens a checkpoint once, and again when its file changes', async () => {
    const half = (bits: number): TensorToWrite => ({
      name: 'norm.weight',
      dtype: 'float16',
      shape: [1],
      data: Uint16Array.of(bits),
    })
    const folder = await folderWith({ 'model.safetensors': [half(0x3c00)] })
    const cache = join(folder, 'cache')
    const place = async () => {
      const { source } = await storedWeights(await openCheckpoint(folder), 'float32', cache)
      const { dtype, location } = source('model.norm.weight')!
      expect(dtype).toBe('float32')
      return location!.path
    }
    const first = await place()
    const time = (await stat(first)).mtimeMs
    expect((await stat(await place())).mtimeMs).toBe(time)
    await writeSafetensors(join(folder, 'model.safetensors'), [half(0x4000)])
    await utimes(join(folder, 'model.safetensors'), 1, 1)
    expect(await place()).not.toBe(first)
    expect(await readdir(cache)).toHaveLength(2)
  })
})
