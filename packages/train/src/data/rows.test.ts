import { expect, it } from 'vitest'
import { TrainError } from '../errors'
import { collectRows, dataFingerprint } from './dataset'
import { prefetched } from './prefetch'
import { checkRow, type TrainingRow } from './rows'

const codeOf = (row: TrainingRow): string => {
  try {
    checkRow(row, 3, 100)
    return 'fine'
  } catch (error) {
    return error instanceof TrainError ? `${error.code} ${error.row}` : String(error)
  }
}

it('checkRow names the row and what is wrong with it', () => {
  const ids = [1, 2, 3]
  expect(codeOf({ inputIds: ids, labels: ids })).toBe('fine')
  expect(codeOf({ inputIds: ids, labels: [1, 2] })).toBe('bad-row 3')
  expect(codeOf({ inputIds: ids, labels: ids, seqLengths: [1, 1] })).toBe('bad-row 3')
  expect(codeOf({ inputIds: [1, 2, 100], labels: ids })).toBe('bad-row 3')
  expect(codeOf({ inputIds: ids, labels: [1, -100, -100] })).toBe('no-labels 3')
  expect(codeOf({ promptIds: ids, chosenIds: ids, rejectedIds: ids })).toBe('fine')
  expect(codeOf({ promptIds: ids, chosenIds: [], rejectedIds: ids })).toBe('bad-row 3')
  expect(codeOf({ promptIds: [], chosenIds: ids, rejectedIds: ids })).toBe('bad-row 3')
})

it('says what to do about a row without a label and a foreign token id', () => {
  expect(() => checkRow({ inputIds: [1, 2], labels: [-100, -100] }, 0, 9)).toThrowErrorMatchingInlineSnapshot(
    `[TrainError: train: row 0 must have a label after the first token of a sample, got none. Leave the row out, or label its answer.]`,
  )
  expect(() => checkRow({ inputIds: [1, 12], labels: [1, 12] }, 0, 9)).toThrowErrorMatchingInlineSnapshot(
    `[TrainError: train: row 0 must have token ids from 0 to 8, got 12 at 1. Use the model's own tokenizer.]`,
  )
})

it('collectRows takes arrays as they are, keeps streams, and refuses empty data', async () => {
  const rows = [{ inputIds: [1, 2], labels: [1, 2] }]
  expect(await collectRows(rows)).toBe(rows)
  expect(await collectRows(new Set(rows))).toEqual(rows)
  await expect(collectRows([])).rejects.toThrowErrorMatchingInlineSnapshot(
    `[TrainError: train: data must have at least one row, got none. Check the file and its filters.]`,
  )
})

it('dataFingerprint changes with any id, label and border', async () => {
  const row = { inputIds: [1, 2, 3, 4], labels: [1, 2, 3, 4] }
  const variants: TrainingRow[][] = [
    [row],
    [row, row],
    [{ ...row, inputIds: [1, 2, 3, 5] }],
    [{ ...row, labels: [1, 2, 3, -100] }],
    [{ ...row, seqLengths: [2, 2] }],
    [{ promptIds: [1, 2], chosenIds: [3], rejectedIds: [4] }],
    [{ promptIds: [1], chosenIds: [2, 3], rejectedIds: [4] }],
  ]
  expect(new Set(await Promise.all(variants.map(dataFingerprint))).size).toBe(variants.length)
})

it('prefetched keeps order, starts no more than asked for, and hands errors over in their turn', async () => {
  let [running, most] = [0, 0]
  const make = async (i: number) => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setTimeout(resolve, 5 - i))
    running--
    if (i === 4) throw new Error('row 4')
    return i
  }
  const seen: number[] = []
  await expect(async () => {
    for await (const value of prefetched(6, make, { ahead: 3 })) seen.push(value)
  }).rejects.toThrow('row 4')
  expect([seen, most]).toEqual([[0, 1, 2, 3], 3])
})
