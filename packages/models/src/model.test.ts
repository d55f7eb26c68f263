import {
  array,
  compile,
  f32,
  grad,
  i32,
  mean,
  type NdArray,
  referenceRuntime,
  square,
  type Tensor,
} from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { describe, expect, it } from 'vitest'
import { alibiSlopes } from './families/context'
import { inverseFrequencies } from './families/rope'
import { type PassOptions, projectToVocabulary } from './forward'
import { tinyModel } from './test/tiny-model'

const runtime = referenceRuntime()
const ints = (...rows: number[][]): NdArray => ({
  dtype: 'int32',
  shape: [rows.length, rows[0]!.length],
  data: Int32Array.from(rows.flat()),
})

const logitsOf = async (
  model: ReturnType<typeof tinyModel>,
  ids: number[],
  positions: number[],
  segments: number[],
  parents = segments,
): Promise<number[][]> => {
  const rows = i32(1, ids.length)
  const run = compile(
    (a: Tensor, b: Tensor, c: Tensor, d: Tensor) => {
      const net = model.network()
      const hidden = model.hiddenStates(net, { ids: a, positions: b, segments: c, parents: d })
      return projectToVocabulary(model.outputHead(net), hidden)
    },
    { runtime, inputs: [rows, rows, rows, rows] },
  )
  const { data } = await run(ints(ids), ints(positions), ints(segments), ints(parents))
  return ids.map((_, t) => Array.from((data as Float32Array).subarray(t * 13, (t + 1) * 13)))
}

const expectClose = (ours: readonly number[], theirs: readonly number[]) =>
  ours.forEach((value, i) => {
    expect(value).toBeCloseTo(theirs[i]!, 8)
  })

describe.each(['qwen2', 'mistral', 'gpt2', 'tied'] as const)('%s', (family) => {
  const model = tinyModel(family, runtime)

  it('gives the same gradients when layers are computed again in the backward pass, or in other blocks', async () => {
    const name = family === 'gpt2' ? 'transformer.h.0.attn.c_attn.weight' : 'model.layers.0.self_attn.k_proj.weight'
    const { shape } = model.parameters.find((parameter) => parameter.name === name)!
    const gradientOf = async (options: PassOptions): Promise<Float32Array> => {
      await using ort = await nodeRuntime({ threads: 1 })
      const lossOf = (ids: Tensor, positions: Tensor) => (weight: Tensor) =>
        mean(square(model.hiddenStates(model.network({ [name]: weight }), { ids, positions }, options)))
      const step = compile((w: Tensor, ids: Tensor, positions: Tensor) => grad(lossOf(ids, positions))(w), {
        runtime: ort,
        inputs: [f32(...shape), i32('B', 'T'), i32('B', 'T')],
      })
      const size = shape.reduce((product, length) => product * length, 1)
      const weight = array(Float32Array.from({ length: size }, (_, i) => Math.sin(i)))
      const row = ints([3, 4, 5, 6, 7, 8])
      return (await step({ ...weight, shape }, row, ints([0, 1, 2, 3, 4, 5]))).data as Float32Array
    }
    const kept = await gradientOf({})
    expect(Math.max(...kept.map(Math.abs))).toBeGreaterThan(1e-3)
    for (const options of [{ recompute: true }, { attentionBlocks: 1 }, { attentionBlocks: 16 }]) {
      const again = await gradientOf(options)
      kept.forEach((value, i) => {
        expect(again[i]).toBeCloseTo(value, 6)
      })
    }
  })

  it('a token does not see what follows it', async () => {
    const [a, b] = [
      await logitsOf(model, [3, 4, 5], [0, 1, 2], [1, 1, 1]),
      await logitsOf(model, [3, 4, 9], [0, 1, 2], [1, 1, 1]),
    ]
    expectClose(a[1]!, b[1]!)
    expect(a[2]).not.toEqual(b[2])
  })

  it('documents of a packed row are as if alone', async () => {
    const packed = await logitsOf(model, [3, 4, 5, 6], [0, 1, 0, 1], [1, 1, 2, 2])
    const alone = await logitsOf(model, [5, 6], [0, 1], [1, 1])
    expectClose(packed[3]!, alone[1]!)
  })

  it('completions that share a prompt are as if alone after it', async () => {
    const shared = await logitsOf(model, [3, 4, 5, 6], [0, 1, 2, 2], [1, 1, 2, 3], [1, 1, 1, 1])
    const alone = await logitsOf(model, [3, 4, 6], [0, 1, 2], [1, 1, 1])
    expectClose(shared[3]!, alone[2]!)
  })

  it('padding before a text changes nothing', async () => {
    const padded = await logitsOf(model, [0, 0, 3, 4], [0, 0, 0, 1], [0, 0, 1, 1])
    const plain = await logitsOf(model, [3, 4], [0, 1], [1, 1])
    expectClose(padded[3]!, plain[1]!)
  })
})

describe('weights', () => {
  const withoutNorm = tinyModel('qwen2', runtime, (name, weight) => (name === 'model.norm.weight' ? undefined : weight))
  const flatHead = tinyModel('qwen2', runtime, (name, weight) =>
    name === 'lm_head.weight' ? { ...weight, shape: [104] } : weight,
  )

  it('names the one that is missing', () => {
    expect(() => withoutNorm.weight('model.norm.weight')).toThrowErrorMatchingInlineSnapshot(
      `[ModelsError: model: expected a weight named 'model.norm.weight', got none. The checkpoint is incomplete, or belongs to another architecture.]`,
    )
  })

  it('names the one that has another shape', () => {
    expect(() => flatHead.weight('lm_head.weight')).toThrowErrorMatchingInlineSnapshot(
      `[ModelsError: model: lm_head.weight must have shape [13,8] by the config, got [104]. Config and weights do not belong together.]`,
    )
  })

  it('names the layer that is none', () => {
    expect(() =>
      flatHead.network().linear('model.layers.9.q_proj', flatHead.weight('model.norm.weight')),
    ).toThrowErrorMatchingInlineSnapshot(
      `[ModelsError: linear: expected a layer of the model, got 'model.layers.9.q_proj'.]`,
    )
  })
})

describe('positions', () => {
  it('slopes of ALiBi halve for powers of two and fill in between for others', () => {
    expect(alibiSlopes(8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((i) => 2 ** -i))
    expect(alibiSlopes(5)).toEqual([0.25, 0.0625, 0.015625, 0.00390625, 0.5])
  })

  it('rotary frequencies fall from 1 geometrically and are divided by a linear factor', () => {
    const rope = { theta: 10_000, scaling: { type: 'default' } } as const
    expect([...inverseFrequencies(rope, 4)]).toEqual([1, 0.01])
    expect([...inverseFrequencies({ ...rope, scaling: { type: 'linear', factor: 8 } }, 4)]).toEqual([0.125, 0.00125])
  })
})
