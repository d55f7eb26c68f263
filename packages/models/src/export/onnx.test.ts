import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  add,
  array,
  compile,
  constant,
  constantSource,
  i32,
  matmul,
  type NdArray,
  quantize,
  referenceRuntime,
  type Tensor,
} from '@qilin-med/tensor'
import { AutoModelForCausalLM, Tensor as TransformersTensor } from '@xenova/transformers'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectToVocabulary } from '../forward'
import { createGenerator } from '../generate/generate'
import { adaptedNetwork, createModel, type LanguageModel, type NetworkAdapter } from '../model'
import { tinyModel } from '../test/tiny-model'
import { exportOnnx } from './onnx'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'export-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const families = ['qwen2', 'mistral', 'gemma2', 'alibi', 'gpt2', 'tied'] as const
const row = [3, 4, 5, 6, 7, 8, 9]
const words = 13

/** Logits [T, 13] of a whole row by the model itself. */
const expected = async (model: LanguageModel, ids: readonly number[], adapter?: NetworkAdapter): Promise<number[]> => {
  const run = compile(
    (tokens: Tensor, positions: Tensor) => {
      const net = adaptedNetwork(model, adapter, constant(array(adapter?.values ?? [0])))
      return projectToVocabulary(model.outputHead(net), model.hiddenStates(net, { ids: tokens, positions }))
    },
    { runtime: model.runtime, inputs: [i32('B', 'T'), i32('B', 'T')] },
  )
  const ints = (values: readonly number[]): NdArray => {
    return { dtype: 'int32', shape: [1, values.length], data: Int32Array.from(values) }
  }
  return [...(await run(ints(ids), ints(ids.map((_, i) => i)))).data] as number[]
}

const int64 = (rows: readonly (readonly number[])[]): ort.Tensor =>
  new ort.Tensor('int64', BigInt64Array.from(rows.flat().map(BigInt)), [rows.length, rows[0]!.length])

type Cache = Readonly<Record<string, ort.Tensor>>

/** A file on disk as anyone runs it: logits of new tokens, and the cache after them. */
const decoderIn = async ({ config }: LanguageModel, path: string) => {
  const session = await ort.InferenceSession.create(path)
  const names = Array.from({ length: config.layers }, (_, i) => [`${i}.key`, `${i}.value`]).flat()
  const run = async (
    ids: readonly (readonly number[])[],
    { cache, mask, keep = 0 }: { cache?: Cache; mask?: readonly (readonly number[])[]; keep?: number } = {},
  ): Promise<{ logits: ort.Tensor; cache: Cache }> => {
    const empty = () => new ort.Tensor('float32', [], [ids.length, config.keyValueHeads, 0, config.headSize])
    const before = cache?.['0.key']?.dims[2] ?? 0
    const results = await session.run({
      input_ids: int64(ids),
      attention_mask: int64(mask ?? ids.map((tokens) => Array<number>(before + tokens.length).fill(1))),
      num_logits_to_keep: new ort.Tensor('int64', BigInt64Array.of(BigInt(keep)), []),
      ...Object.fromEntries(names.map((name) => [`past_key_values.${name}`, cache?.[name] ?? empty()])),
    })
    const present = Object.fromEntries(names.map((name) => [name, results[`present.${name}`]!]))
    return { logits: results.logits!, cache: present }
  }
  return Object.assign(run, { release: () => session.release() })
}

const values = ({ data }: ort.Tensor): number[] => [...(data as Float32Array)]
const expectClose = (ours: readonly number[], theirs: readonly number[], digits = 5): void => {
  expect(ours.length).toBe(theirs.length)
  ours.forEach((value, i) => {
    expect(value).toBeCloseTo(theirs[i]!, digits)
  })
}

describe.each(families)('an exported %s', (family) => {
  const model = tinyModel(family)
  let run: Awaited<ReturnType<typeof decoderIn>>
  beforeAll(async () => {
    const { model: file } = await exportOnnx(join(folder, family), model)
    run = await decoderIn(model, join(folder, family, file))
  })
  afterAll(() => run.release())

  it('gives the logits of the model, at once and token after token', async () => {
    const whole = await expected(model, row)
    expectClose(values((await run([row])).logits), whole)
    let { logits, cache } = await run([row.slice(0, 3)])
    const parts = values(logits)
    for (const id of row.slice(3)) {
      ;({ logits, cache } = await run([[id]], { cache }))
      parts.push(...values(logits))
    }
    expectClose(parts, whole)
    expect(cache['1.value']!.dims).toEqual([1, model.config.keyValueHeads, row.length, model.config.headSize])
  })

  it('gives a row that is padded on the left what it gives it alone', async () => {
    const short = row.slice(2)
    const padded = [row, [0, 0, ...short]]
    const mask = [row.map(() => 1), [0, 0, ...short.map(() => 1)]]
    const first = await run(padded, { mask })
    const next = [[5], [5]]
    const second = await run(next, { cache: first.cache, mask: mask.map((bits) => [...bits, 1]) })
    const alone = await expected(model, [...short, 5])
    const begin = (row.length + 2) * words
    expectClose(values(first.logits).slice(begin), alone.slice(0, -words))
    expectClose(values(second.logits).slice(words), alone.slice(-words))
  })

  it('computes logits of the last tokens only where it is asked to', async () => {
    const all = values((await run([row])).logits)
    const { logits } = await run([row], { keep: 2 })
    expect(logits.dims).toEqual([1, 2, words])
    expectClose(values(logits), all.slice(-2 * words))
    expect((await run([row], { keep: 100 })).logits.dims).toEqual([1, row.length, words])
  })
})

describe('Transformers.js', () => {
  it.each(['qwen2', 'mistral', 'gemma2', 'gpt2', 'tied'] as const)(
    'generates with an exported %s what the model generates',
    async (family) => {
      const model = tinyModel(family)
      await exportOnnx(join(folder, `js-${family}`), model)
      const theirs = await AutoModelForCausalLM.from_pretrained(join(folder, `js-${family}`))
      const prompt = BigInt64Array.from(row.map(BigInt))
      const input_ids = new TransformersTensor('int64', prompt, [1, row.length])
      const attention_mask = new TransformersTensor('int64', prompt.slice().fill(1n), [1, row.length])
      const options = { input_ids, attention_mask, max_new_tokens: 8, do_sample: false, eos_token_id: words }
      const made = (await theirs.generate(options as never)) as TransformersTensor
      await theirs.dispose()
      const [ours] = await createGenerator(model).generate([row], { maxTokens: 8, stopIds: [] })
      expect(Array.from(made.data as BigInt64Array, Number).slice(row.length)).toEqual(ours)
    },
  )
})

/** Adds x·Wᵀ·scale to one layer. */
const adapter: NetworkAdapter = {
  layout: { entries: [{ name: 'change', shape: [8, 8], offset: 0, size: 64 }], size: 64 },
  values: Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)),
  apply: (network, { change }) => ({
    ...network,
    linear: (path, x) => {
      const y = network.linear(path, x)
      return path.endsWith('o_proj') ? add(y, matmul(x, change!, { transposeB: true })) : y
    },
  }),
}

describe('exportOnnx', () => {
  it('puts the change of an adapter into the model', async () => {
    const model = tinyModel('qwen2')
    const { model: file } = await exportOnnx(join(folder, 'adapted'), model, { adapter })
    const run = await decoderIn(model, join(folder, 'adapted', file))
    const changed = await expected(model, row, adapter)
    expectClose(values((await run([row])).logits), changed)
    expect(Math.abs(changed[0]! - (await expected(model, row))[0]!)).toBeGreaterThan(1e-3)
    await run.release()
  })

  it('keeps the format of the weights, and one folder holds several', async () => {
    const exact = tinyModel('qwen2')
    const rounded = (scheme: 'int8' | 'int4') =>
      createModel(
        exact.config,
        (name) => {
          const source = constantSource(exact.weight(name))!
          const { dtype, shape } = source
          const isMatrix = shape.length === 2 && name.includes('_proj')
          return isMatrix
            ? constantSource(constant(quantize({ dtype, shape, data: source.read() }, { scheme })))
            : source
        },
        referenceRuntime(),
      )
    const target = join(folder, 'formats')
    const first = await exportOnnx(target, exact, { generationConfig: { eos_token_id: 2 } })
    const second = await exportOnnx(target, rounded('int8'))
    const third = await exportOnnx(target, rounded('int4'))
    expect([first, second, third].map(({ dtype, model }) => [dtype, model])).toEqual([
      ['fp32', 'onnx/model.onnx'],
      ['q8', 'onnx/model_quantized.onnx'],
      ['q4', 'onnx/model_q4.onnx'],
    ])
    const written = JSON.parse(await readFile(join(target, 'config.json'), 'utf8'))
    expect(written).toMatchObject({ model_type: 'qwen2', 'transformers.js_config': { dtype: 'q4' } })
    const external = written['transformers.js_config'].use_external_data_format
    expect(Object.keys(external)).toEqual(['model.onnx', 'model_quantized.onnx', 'model_q4.onnx'])
    for (const [file, chunks] of Object.entries(external)) {
      const there = await stat(join(target, 'onnx', `${file}_data`)).catch(() => undefined)
      expect(chunks).toBe(there ? 1 : 0)
    }
    for (const { model: file } of [second, third]) {
      const run = await decoderIn(exact, join(target, file))
      const ours = values((await run([row])).logits)
      const error = Math.max(...(await expected(exact, row)).map((value, i) => Math.abs(value - ours[i]!)))
      expect(error).toBeGreaterThan(0)
      expect(error).toBeLessThan(0.5)
      await run.release()
    }
    expect((await readdir(target)).filter((name) => name.endsWith('.partial'))).toEqual([])
  })

  it('copies the tokenizer', async () => {
    const base = join(folder, 'base')
    const model = tinyModel('tied')
    await exportOnnx(base, model)
    await writeFile(join(base, 'tokenizer.json'), '{"version":"1.0"}')
    await exportOnnx(join(folder, 'copied'), model, { tokenizerFolder: base })
    expect(await readFile(join(folder, 'copied', 'tokenizer.json'), 'utf8')).toBe('{"version":"1.0"}')
  })

  it('says what cannot be written', async () => {
    await writeFile(join(folder, 'file'), '')
    const inFile = await exportOnnx(join(folder, 'file'), tinyModel('tied')).catch((error) => error)
    expect(inFile).toMatchObject({ name: 'ModelsError', code: 'write-failed', path: join(folder, 'file') })
    const half = tinyModel('tied', referenceRuntime(), (_, { shape, data }) => ({
      dtype: 'bfloat16',
      shape,
      data: new Uint16Array(data.length),
    }))
    await expect(exportOnnx(join(folder, 'half'), half)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ModelsError: exportOnnx: weights must be float32, float16, int8, int4, nf4, got bfloat16, for which Transformers.js has no name. Load the model with weights: 'float16'.]`,
    )
    expect(await readdir(folder)).not.toContain('half')
  })
})
