import { array, type NdArray } from '@qilin-med/tensor'
import { type CollateOptions, collate } from '../data/collate'
import { type Dataset, rowAt } from '../data/dataset'
import { checkRow, isPreferenceRow, type TrainingRow, tokenCount } from '../data/rows'
import { TrainError } from '../errors'

/** The arrays of a micro-batch by name, ready for a program. */
export type BatchArrays = Readonly<Record<string, NdArray>>

/** One micro-batch: its rows' numbers, its arrays, and how many tokens it stands for. */
export interface MicroBatch {
  readonly rows: readonly TrainingRow[]
  readonly numbers: Uint32Array
  readonly arrays: BatchArrays
  readonly tokens: number
}

/** What is known of the data before the first row is read. */
export interface BatchSource {
  readonly data: Dataset
  readonly kind: 'token' | 'preference'
  /** Number of token ids of the model. */
  readonly vocabulary: number
  readonly layout: CollateOptions
}

/** Reads, checks and lays out the rows with the given numbers. @throws TrainError naming the row that does not fit */
export const makeMicroBatch = async (
  { data, kind, vocabulary, layout }: BatchSource,
  numbers: Uint32Array,
): Promise<MicroBatch> => {
  const rows = await Promise.all(Array.from(numbers, (number) => rowAt(data, number)))
  rows.forEach((row, i) => {
    checkKind(row, numbers[i]!, kind)
    checkRow(row, numbers[i]!, vocabulary)
  })
  const arrays = { ...collate(rows, layout) }
  return { rows, numbers, arrays, tokens: rows.reduce((sum, row) => sum + tokenCount(row), 0) }
}

/** Kind of a row. */
export const kindOf = (row: TrainingRow): 'token' | 'preference' => (isPreferenceRow(row) ? 'preference' : 'token')

const checkKind = (row: TrainingRow, number: number, kind: 'token' | 'preference'): void => {
  if (kindOf(row) === kind) return
  throw new TrainError(
    'bad-row',
    `train: row ${number} must be a ${kind} row like row 0, got a ${kindOf(row)} row. Train each kind in a run of its own.`,
    { row: number },
  )
}

/** Checks every row of data that is in memory, so that a bad one is found before the first step. */
export const checkRows = ({ data, kind, vocabulary }: BatchSource): void => {
  if (!Array.isArray(data)) return // read row by row, and checked then
  data.forEach((row: TrainingRow, number) => {
    checkKind(row, number, kind)
    checkRow(row, number, vocabulary)
  })
}

/** Scalars of an optimiser step, as a program takes them. */
export const scalarArrays = (scalars: Readonly<Record<string, number>>): BatchArrays =>
  Object.fromEntries(
    Object.entries(scalars).map(([name, value]) => [name, array(Float32Array.of(value), { shape: [] })]),
  )
