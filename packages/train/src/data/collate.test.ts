import type { NdArray } from '@qilin-med/tensor'
import { describe, expect, it } from 'vitest'
import { collate } from './collate'
import { ignoreIndex } from './rows'

const rowsOf = ({ shape, data }: NdArray): number[][] => {
  const values = Array.from(data as Int32Array)
  return Array.from({ length: shape[0]! }, (_, i) => values.slice(i * shape[1]!, (i + 1) * shape[1]!))
}
const list = ({ data }: NdArray): number[] => Array.from(data as Int32Array)
const labelled = (ids: number[], prompt: number) => ({
  inputIds: ids,
  labels: ids.map((id, t) => (t < prompt ? ignoreIndex : id)),
})

describe('collate on token rows', () => {
  it('pads on the right and finds the hidden state that predicts each labelled token', () => {
    const arrays = collate([labelled([10, 11, 12], 2), labelled([20, 21], 0)], { pack: false })
    expect(rowsOf(arrays.ids)).toEqual([
      [10, 11, 12],
      [20, 21, 0],
    ])
    expect(rowsOf(arrays.segments)).toEqual([
      [1, 1, 1],
      [1, 1, 0],
    ])
    expect(list(arrays.sources)).toEqual([1, 3])
    expect(list(arrays.targets)).toEqual([12, 21]) // a label on a first token has nothing that predicts it
    expect([list(arrays.sequences), list(arrays.offsets), list(arrays.origins)]).toEqual([
      [0, 1],
      [0, 0],
      [0, 1],
    ])
  })

  it('packs short rows behind each other, with segments of their own and positions from 0', () => {
    const rows = [labelled([1, 2, 3, 4, 5], 0), labelled([6, 7], 0), labelled([8, 9, 10], 0)]
    const arrays = collate(rows)
    expect(rowsOf(arrays.ids)).toEqual([
      [1, 2, 3, 4, 5],
      [8, 9, 10, 6, 7],
    ])
    expect(rowsOf(arrays.positions)[1]).toEqual([0, 1, 2, 0, 1])
    expect(rowsOf(arrays.segments)[1]).toEqual([2, 2, 2, 1, 1]) // numbered in the order of the data
  })

  it('gives the same labelled tokens in the same order, packed or not', () => {
    const rows = [labelled([1, 2, 3, 4, 5], 1), labelled([6, 7], 0), labelled([8, 9, 10], 2)]
    const [packed, plain] = [collate(rows), collate(rows, { pack: false })]
    for (const name of ['targets', 'sequences', 'offsets', 'origins'] as const)
      expect(list(packed[name])).toEqual(list(plain[name]))
    const predicted = ({ ids, sources }: typeof packed) => list(sources).map((at) => list(ids)[at + 1])
    expect(predicted(packed)).toEqual(list(packed.targets))
    expect(predicted(plain)).toEqual(list(plain.targets))
  })

  it('restarts positions and segments at the samples of a packed row, whose first tokens do not count', () => {
    const arrays = collate([{ inputIds: [1, 2, 3, 4, 5], labels: [1, 2, 3, 4, 5], seqLengths: [2, 3] }])
    expect(list(arrays.positions)).toEqual([0, 1, 0, 1, 2])
    expect(list(arrays.segments)).toEqual([1, 1, 2, 2, 2])
    expect(list(arrays.targets)).toEqual([2, 4, 5])
    expect([list(arrays.sequences), list(arrays.origins)]).toEqual([
      [0, 1, 1],
      [0, 0],
    ])
  })

  it('rounds the row length up to the multiple asked for', () => {
    expect(collate([labelled([1, 2, 3], 0)], { padToMultipleOf: 8 }).ids.shape).toEqual([1, 8])
  })
})

describe('collate on pairs', () => {
  const pair = { promptIds: [1, 2], chosenIds: [3, 4, 5], rejectedIds: [6, 7] }

  it('computes the prompt once: both completions see it, start behind it, and are predicted by its last token', () => {
    const arrays = collate([pair])
    expect(list(arrays.ids)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(list(arrays.positions)).toEqual([0, 1, 2, 3, 4, 2, 3])
    expect(list(arrays.segments)).toEqual([1, 1, 2, 2, 2, 3, 3])
    expect(list(arrays.parents!)).toEqual([1, 1, 1, 1, 1, 1, 1])
    expect(list(arrays.sources)).toEqual([1, 2, 3, 1, 5])
    expect(list(arrays.targets)).toEqual([3, 4, 5, 6, 7])
    expect(list(arrays.sequences)).toEqual([0, 0, 0, 1, 1])
    expect(list(arrays.offsets)).toEqual([0, 1, 2, 0, 1])
  })

  it('orders tokens by chosen completions, then rejected ones, with or without shared prompts', () => {
    const other = { promptIds: [8], chosenIds: [9], rejectedIds: [10, 11] }
    const [shared, apart] = [collate([pair, other]), collate([pair, other], { sharePrompts: false, pack: false })]
    expect(list(shared.targets)).toEqual([3, 4, 5, 9, 6, 7, 10, 11])
    expect(list(apart.targets)).toEqual(list(shared.targets))
    expect(list(shared.sequences)).toEqual([0, 0, 0, 1, 2, 2, 3, 3])
    expect(rowsOf(apart.ids)).toEqual([
      [1, 2, 3, 4, 5],
      [1, 2, 6, 7, 0],
      [8, 9, 0, 0, 0],
      [8, 10, 11, 0, 0],
    ])
    expect(rowsOf(apart.parents!)[1]).toEqual([1, 1, 1, 1, 0])
  })

  it('keeps the segments of several pairs in one row apart', () => {
    const short = { promptIds: [8], chosenIds: [9], rejectedIds: [10] }
    const arrays = collate([pair, short, { ...short, promptIds: [12] }])
    expect(rowsOf(arrays.segments)[1]).toEqual([1, 2, 3, 4, 5, 6, 0])
    expect(rowsOf(arrays.parents!)[1]).toEqual([1, 1, 1, 4, 4, 4, 0])
  })
})
