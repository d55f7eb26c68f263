import { TrainError } from '../errors'

/** Label of a token that does not count in the loss. */
export const ignoreIndex = -100

/** Token ids and, per token, its label: the id itself, or −100 where it does not count. */
export interface TokenRow {
  readonly inputIds: ArrayLike<number>
  readonly labels: ArrayLike<number>
  /** Lengths of the samples packed into this row; absent when the row is one sample or one stream of text. */
  readonly seqLengths?: readonly number[] | undefined
}

/** Ids of a prompt and of the two completions that are compared, end of text included. */
export interface PreferenceRow {
  readonly promptIds: ArrayLike<number>
  readonly chosenIds: ArrayLike<number>
  readonly rejectedIds: ArrayLike<number>
}

/** One row of training data. A run takes rows of one kind. */
export type TrainingRow = TokenRow | PreferenceRow

/** True for a pair of completions. */
export const isPreferenceRow = (row: TrainingRow): row is PreferenceRow => 'promptIds' in row

/** A stretch of a row whose tokens see each other. `labels` are absent where every token counts. */
export interface Sample {
  readonly ids: ArrayLike<number>
  readonly labels: ArrayLike<number>
}

/** The samples of a token row, and the labels that count: position 0 of a sample has nothing that predicts it. */
export const samplesOf = ({ inputIds, labels, seqLengths }: TokenRow): Sample[] => {
  if (!seqLengths) return [{ ids: inputIds, labels }]
  let begin = 0
  return seqLengths.map((length) => {
    const from = begin
    begin += length
    return { ids: part(inputIds, from, begin), labels: part(labels, from, begin) }
  })
}

const part = (values: ArrayLike<number>, begin: number, end: number): ArrayLike<number> =>
  values instanceof Int32Array ? values.subarray(begin, end) : Array.from(values).slice(begin, end)

/**
 * Checks one row.
 *
 * @param index      of the row in the data, for the error
 * @param vocabulary number of token ids
 * @throws TrainError `bad-row`, or `no-labels` when nothing in the row counts
 */
export const checkRow = (row: TrainingRow, index: number, vocabulary: number): void =>
  isPreferenceRow(row) ? checkPreferenceRow(row, index, vocabulary) : checkTokenRow(row, index, vocabulary)

const checkTokenRow = (row: TokenRow, index: number, vocabulary: number): void => {
  const { inputIds, labels, seqLengths } = row
  if (inputIds?.length === undefined || labels?.length !== inputIds.length)
    throw bad(
      index,
      `one label per token`,
      `${inputIds?.length} tokens and ${labels?.length} labels`,
      'Correct the row',
    )
  const total = seqLengths?.reduce((sum, length) => sum + length, 0) ?? inputIds.length
  if (total !== inputIds.length)
    throw bad(index, 'seqLengths that add up to the row', `${total} for ${inputIds.length} tokens`, 'Correct the row')
  checkIds(inputIds, index, vocabulary)
  const counts = samplesOf(row).some(({ labels: own }) => countLabels(own) > 0)
  if (!counts)
    throw new TrainError(
      'no-labels',
      `train: row ${index} must have a label after the first token of a sample, got none. Leave the row out, or label its answer.`,
      { row: index },
    )
}

/** Labels after the first token. */
export const countLabels = (labels: ArrayLike<number>): number => {
  let count = 0
  for (let t = 1; t < labels.length; t++) if (labels[t] !== ignoreIndex) count++
  return count
}

const checkPreferenceRow = (row: PreferenceRow, index: number, vocabulary: number): void => {
  for (const part of ['promptIds', 'chosenIds', 'rejectedIds'] as const) {
    if (!row[part]?.length) throw bad(index, `${part} with a token`, 'none', 'Leave the row out')
    checkIds(row[part], index, vocabulary)
  }
}

const checkIds = (ids: ArrayLike<number>, index: number, vocabulary: number): void => {
  for (let t = 0; t < ids.length; t++) {
    const id = ids[t]!
    if (!(Number.isInteger(id) && id >= 0 && id < vocabulary))
      throw bad(index, `token ids from 0 to ${vocabulary - 1}`, `${id} at ${t}`, "Use the model's own tokenizer")
  }
}

const bad = (row: number, expected: string, got: string, advice: string): TrainError =>
  new TrainError('bad-row', `train: row ${row} must have ${expected}, got ${got}. ${advice}.`, { row })

/** Tokens that the row stands for, as TRL counts `num_tokens`: the prompt of a pair counts with both completions. */
export const tokenCount = (row: TrainingRow): number =>
  isPreferenceRow(row) ? 2 * row.promptIds.length + row.chosenIds.length + row.rejectedIds.length : row.inputIds.length
