import { createHash } from 'node:crypto'
import { TrainError } from '../errors'
import { isPreferenceRow, type TrainingRow } from './rows'

/** Rows that can be read in any order; an array is one. */
export interface Dataset<Row extends TrainingRow = TrainingRow> {
  readonly length: number
  at(index: number): Row | undefined | Promise<Row | undefined>
  /** A text that differs whenever a row differs; computed from the rows when absent. */
  readonly fingerprint?: string
  /** Split that the rows belong to, where the data says so (`tokenRows` of `@qilin-med/chimed` does). */
  readonly split?: string
}

/** What `train` takes as data: rows that can be read in any order, or a stream, which is then kept in memory. */
export type DataSource<Row extends TrainingRow = TrainingRow> = Dataset<Row> | Iterable<Row> | AsyncIterable<Row>

const isDataset = <Row extends TrainingRow>(source: DataSource<Row>): source is Dataset<Row> =>
  'length' in source && typeof source.at === 'function'

/** The rows of a source, ready for random access. @throws TrainError `empty-data` when there are none */
export const collectRows = async <Row extends TrainingRow>(source: DataSource<Row>): Promise<Dataset<Row>> => {
  const rows = isDataset(source) ? source : await collected(source)
  if (rows.length > 0) return rows
  throw new TrainError(
    'empty-data',
    `train: data must have at least one row, got none. Check the file and its filters.`,
  )
}

const collected = async <Row>(source: Iterable<Row> | AsyncIterable<Row>): Promise<Row[]> => {
  const rows: Row[] = []
  for await (const row of source) rows.push(row)
  return rows
}

/** @throws TrainError `split` for rows that say they belong to another split than `train` */
export const refuseOtherSplits = ({ split }: Dataset): void => {
  if (split === undefined || split === 'train') return
  throw new TrainError(
    'split',
    `train: data must belong to the train split, got rows of '${split}'. Pass them as evaluation.data, or to 'evaluate'.`,
    { option: 'data' },
  )
}

/** Row `index`. @throws TrainError `bad-row` when the data set has none there */
export const rowAt = async <Row extends TrainingRow>(data: Dataset<Row>, index: number): Promise<Row> => {
  const row = await data.at(index)
  if (row !== undefined) return row
  throw new TrainError(
    'bad-row',
    `train: data must have a row ${index}, got none of ${data.length}. Check the data set.`,
    {
      row: index,
    },
  )
}

/** SHA-256 over the ids and labels of all rows: equal data, equal text. */
export const dataFingerprint = async (data: Dataset): Promise<string> => {
  if (data.fingerprint !== undefined) return data.fingerprint
  const hash = createHash('sha256')
  for (let i = 0; i < data.length; i++) {
    const row = await rowAt(data, i)
    const parts = isPreferenceRow(row)
      ? [row.promptIds, row.chosenIds, row.rejectedIds]
      : [row.inputIds, row.labels, row.seqLengths ?? []]
    hash.update(Int32Array.from(parts, ({ length }) => length))
    for (const part of parts) hash.update(part instanceof Int32Array ? part : Int32Array.from(part))
  }
  return hash.digest('hex')
}
