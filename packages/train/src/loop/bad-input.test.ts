import { cpt, dpo, type TokenLoss } from '@qilin-med/losses'
import { add, div, log, mul, type Runtime, sub, sum } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TrainError } from '../errors'
import { adamw } from '../optimizers/adam'
import { tinyAdapter, tinyModel, tinyPairs, tinyRows } from '../test/tiny-model'
import type { TrainEvent } from './events'
import type { TrainOptions } from './options'
import { train } from './train'

let runtime: Runtime
beforeAll(async () => {
  runtime = await nodeRuntime()
})
afterAll(() => runtime.dispose())

const errorOf = async (run: AsyncIterable<TrainEvent>): Promise<TrainError> => {
  try {
    for await (const _ of run);
  } catch (error) {
    if (error instanceof TrainError) return error
    throw error
  }
  throw new Error('expected an error, got none')
}

/** Rows that can be read in any order and say which split they belong to, as token shards do. */
const datasetOf = (split: string) => {
  const rows = tinyRows(4)
  return { length: rows.length, at: (index: number) => rows[index], split }
}

describe('train refuses, before anything runs,', () => {
  const base = () => ({
    model: tinyModel(runtime),
    adapter: tinyAdapter(),
    loss: cpt(),
    data: tinyRows(4),
    optimizer: adamw({ learningRate: 0.01 }),
    batch: { rows: 2 },
    epochs: 1,
  })
  const cases: [string, Partial<TrainOptions<never, never, never>>, string, string][] = [
    ['empty data', { data: [] }, 'empty-data', 'train: data must have at least one row'],
    [
      'a row without label',
      { data: [...tinyRows(2), { inputIds: [1, 2], labels: [-100, -100] }] },
      'no-labels',
      'row 2',
    ],
    ['a token id beyond the vocabulary', { data: [{ inputIds: [1, 17], labels: [1, 17] }] }, 'bad-row', 'from 0 to 16'],
    ['rows of a test split', { data: datasetOf('test') }, 'split', "got rows of 'test'"],
    ['rows of a validation split', { data: datasetOf('validation') }, 'split', "got rows of 'validation'"],
    ['rows of two kinds', { data: [...tinyRows(1), ...tinyPairs(1)] }, 'bad-row', 'row 1 must be a token row'],
    ['a loss for another kind of rows', { loss: dpo() }, 'option', 'token rows need a token loss'],
    ['evaluation rows of another kind', { evaluation: { data: tinyPairs(2) } }, 'option', 'evaluation rows'],
    ['neither epochs nor steps', { epochs: undefined as never }, 'option', 'one of epochs and steps'],
    ['no block of attention', { attentionBlocks: 0 }, 'option', 'attentionBlocks must be an integer of at least 1'],
    ['a negative clip', { clip: -1 }, 'option', 'clip must be above 0'],
    ['half a row', { batch: { rows: 0.5 } }, 'option', 'batch.rows must be an integer'],
    ['checkpoints every 0 steps', { checkpoints: { folder: 'x', every: 0 } }, 'option', 'checkpoints.every'],
  ]
  it.each(cases)('%s', async (_, options, code, text) => {
    const error = await errorOf(train({ ...base(), ...(options as object) }))
    expect(error.code).toBe(code)
    expect(error.message).toContain(text)
  })

  it('reading a result before the loop is left, and a second iteration', async () => {
    const run = train(base())
    expect(() => run.adapter).toThrow(/Read adapter after it/)
    expect(() => run.parameters).toThrow(TrainError)
    for await (const _ of run);
    expect(run.adapter.values.length).toBe(run.adapter.layout.size)
    expect(() => run[Symbol.asyncIterator]()).toThrow(/Call train again/)
  })
})

describe('a loss that is no number', () => {
  /** Cross-entropy whose value is 0/0. */
  const breaking: TokenLoss = (scores) => {
    const loss = cpt()(scores)
    const zero = mul(sum(scores.logProbs), 0)
    return { ...loss, sum: div(zero, zero) }
  }
  it.each([1, 2])('stops at once and names the step, with %s micro-batches a step', async (accumulate) => {
    const options = { model: tinyModel(runtime), adapter: tinyAdapter(), data: tinyRows(4) }
    const batch = { rows: 2, accumulate }
    const run = train({ ...options, loss: breaking, optimizer: adamw({ learningRate: 0.01 }), batch, epochs: 1 })
    const error = await errorOf(run)
    expect([error.code, error.step]).toEqual(['non-finite', 1])
    expect(error.message).toMatchInlineSnapshot(
      `"train: the loss of step 1 must be finite, got NaN. Lower the learning rate, or look for the row."`,
    )
    expect(() => run.adapter).toThrow(TrainError)
  })

  it.each([1, 2])(
    'is traced to its operation where that is asked for, with %s micro-batches a step',
    async (accumulate) => {
      const loss: TokenLoss = (scores) => {
        const result = cpt()(scores)
        return { ...result, sum: add(result.sum, log(sub(mul(result.sum, 0), 1))) }
      }
      const options = { model: tinyModel(runtime), adapter: tinyAdapter(), data: tinyRows(4), checkFinite: true }
      const batch = { rows: 2, accumulate }
      const run = train({ ...options, loss, optimizer: adamw({ learningRate: 0.01 }), batch, epochs: 1 })
      await expect(errorOf(run)).rejects.toThrow(
        /got 1 elements of log float32\[\] that are not, made at .*bad-input\.test\.ts:\d+/,
      )
    },
  )
})
