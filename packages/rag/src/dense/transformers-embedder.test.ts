import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { rejection } from '../test/world'
import { dot } from './normalise'
import { bgeChinese, type FeatureExtraction, transformersEmbedder } from './transformers-embedder'

const folder = resolve(import.meta.dirname, '../../../../../shared/data/models/bge-small-zh-v1.5')
const present = existsSync(folder)
const absent = 'the model folder ../shared/data/models/bge-small-zh-v1.5 is not there'

interface Reference {
  readonly sentences: readonly string[]
  readonly int8: { readonly first8: readonly number[][]; readonly cosine: readonly number[][] }
}

/** A pipeline that records its calls and embeds a text as [its length, 1]. */
const recording = () => {
  const calls: { texts: string[]; options: object }[] = []
  const pipeline: FeatureExtraction = async (texts, options) => {
    calls.push({ texts, options })
    return { data: Float32Array.from(texts.flatMap((text) => [text.length, 1])), dims: [texts.length, 2] }
  }
  return { calls, pipeline }
}

describe('transformersEmbedder over a pipeline', () => {
  it('runs texts one by one, so that vectors do not depend on their company', async () => {
    const { calls, pipeline } = recording()
    const embedder = await transformersEmbedder(pipeline)
    expect(embedder.dimensions).toBe(2)
    const vectors = await embedder.embed(['一', '二三'], { kind: 'document' })
    expect(vectors).toEqual([Float32Array.of(1, 1), Float32Array.of(2, 1)])
    expect(calls.slice(1)).toEqual([
      { texts: ['一'], options: { pooling: 'cls', normalize: true } },
      { texts: ['二三'], options: { pooling: 'cls', normalize: true } },
    ])
  })

  it('runs batches, pools, lower-cases and prefixes as asked', async () => {
    const { calls, pipeline } = recording()
    const options = {
      pooling: 'mean',
      batch: 2,
      lowerCase: true,
      queryPrefix: 'Query: ',
      documentPrefix: 'Passage: ',
    } as const
    const embedder = await transformersEmbedder(pipeline, options)
    await embedder.embed(['CT', 'MRI', 'B12'], { kind: 'document' })
    await embedder.embed(['CT'], { kind: 'query' })
    expect(calls.slice(1).map(({ texts }) => texts)).toEqual([
      ['Passage: ct', 'Passage: mri'],
      ['Passage: b12'],
      ['Query: ct'],
    ])
    expect(calls[1]!.options).toEqual({ pooling: 'mean', normalize: true })
  })

  it('refuses a pipeline that returns one vector a token', async () => {
    const perToken: FeatureExtraction = async (texts) => ({ data: new Float32Array(8), dims: [texts.length, 4, 2] })
    expect(await rejection(transformersEmbedder(perToken))).toMatchObject({
      code: 'embedding',
      message: expect.stringContaining('expected a tensor of [1, dimensions], got [1, 4, 2]'),
    })
  })

  it('stops between batches when the signal is aborted', async () => {
    const embedder = await transformersEmbedder(recording().pipeline)
    const signal = AbortSignal.abort(new Error('enough'))
    expect(await rejection(embedder.embed(['一'], { kind: 'query', signal }))).toMatchObject({ message: 'enough' })
  })
})

describe('transformersEmbedder over a folder', () => {
  it('says which folder lacks a file, and downloads nothing', async () => {
    expect(await rejection(transformersEmbedder('no/such-model'))).toMatchObject({
      code: 'file',
      path: 'no/such-model',
      message: expect.stringContaining(
        "expected a model folder with config.json, tokenizer.json and onnx/ at 'no/such-model'",
      ),
    })
  })

  it('gives the vectors of bge-small-zh-v1.5 that its reference file states', async ({ skip }) => {
    skip(!present, absent)
    const reference: Reference = JSON.parse(readFileSync(resolve(folder, 'reference.json'), 'utf8'))
    const embedder = await transformersEmbedder(folder, { ...bgeChinese, lowerCase: false })
    const vectors = await embedder.embed(reference.sentences, { kind: 'document' })
    expect(embedder.dimensions).toBe(512)
    // Another processor or build of ONNX Runtime may round differently: the reference's own tolerances are
    // cosine >= 0.995 (checked here on the first numbers) and 0.02 between cosines.
    vectors.forEach((vector, i) => {
      expect(dot(vector, vector)).toBeCloseTo(1, 5)
      reference.int8.first8[i]!.forEach((value, d) => {
        expect(Math.abs(vector[d]! - value)).toBeLessThan(0.01)
      })
      vectors.forEach((other, j) => {
        expect(Math.abs(dot(vector, other) - reference.int8.cosine[i]![j]!)).toBeLessThan(0.02)
      })
    })
  })

  it('repeats bit for bit, and sees CT only in lower case', async ({ skip }) => {
    skip(!present, absent)
    const embedder = await transformersEmbedder(folder, bgeChinese)
    const [first, again, other] = await embedder.embed(['CT检查', 'CT检查', 'MRI检查'], { kind: 'document' })
    expect(first).toEqual(again)
    expect(dot(first!, other!)).toBeLessThan(0.999)
  })
})
