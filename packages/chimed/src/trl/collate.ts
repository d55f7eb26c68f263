import { ignoreIndex, type PreferenceRow, type TokenRow } from '../types'
import { type TruncationMode, truncate } from './sft'

/** How rows become rectangles. */
export interface PadOptions {
  readonly padId: number
  /** Columns are filled up to a multiple of this. */
  readonly padToMultipleOf?: number | undefined
}

/** Options of `languageModelingBatch`. */
export interface LanguageModelingOptions extends PadOptions {
  /** One long row instead of a rectangle; sample starts get no label. */
  readonly paddingFree?: boolean | undefined
  /** Positions that restart at each sample, also in a rectangle. */
  readonly positions?: boolean | undefined
}

/** A batch for language modelling; rectangles are rows of equal length. */
export interface LanguageModelingBatch {
  readonly inputIds: Int32Array[]
  readonly labels: Int32Array[]
  readonly attentionMask?: Int32Array[]
  readonly positionIds?: Int32Array[]
  /** Padding-free: where samples begin, and the end. */
  readonly sampleStarts?: Int32Array
  /** Padding-free: the longest sample. */
  readonly maxSampleLength?: number
  /** Padding-free: which sample a token belongs to. */
  readonly sampleIndex?: Int32Array
}

/** A batch as TRL's language-modelling collator makes it. */
export function languageModelingBatch(
  rows: readonly TokenRow[],
  { paddingFree = false, positions = false, ...pad }: LanguageModelingOptions,
): LanguageModelingBatch {
  const lists = {
    ids: rows.map((row) => row.inputIds),
    labels: rows.map((row) => row.labels),
    positions: rows.map(positionsOf),
  }
  if (!paddingFree) {
    const inputIds = rectangle(lists.ids, pad.padId, pad)
    return {
      inputIds,
      labels: rectangle(lists.labels, ignoreIndex, pad),
      attentionMask: rectangle(
        lists.ids.map((ids) => new Int32Array(ids.length).fill(1)),
        0,
        pad,
      ),
      ...(positions && { positionIds: rectangle(lists.positions, 0, pad) }),
    }
  }
  const inputIds = rectangle([concat(lists.ids)], pad.padId, pad)
  const positionIds = rectangle([concat(lists.positions)], 0, pad)
  const labels = rectangle([concat(lists.labels)], ignoreIndex, pad).map((row) =>
    row.map((label, index) => (positionIds[0]![index] === 0 ? ignoreIndex : label)),
  )
  return { inputIds, labels, positionIds, ...sampleBounds(positionIds[0]!) }
}

/** Positions 0, 1, 2, ... of each sample of a row. */
function positionsOf({ inputIds, seqLengths = [inputIds.length] }: TokenRow): Int32Array {
  return concat(seqLengths.map((length) => Int32Array.from({ length }, (_, index) => index)))
}

/** A sample begins wherever the position is 0, padding included. */
function sampleBounds(
  positionIds: Int32Array,
): Pick<LanguageModelingBatch, 'sampleStarts' | 'maxSampleLength' | 'sampleIndex'> {
  const starts = [...positionIds.keys()].filter((index) => positionIds[index] === 0)
  const bounds = [...starts, positionIds.length]
  let sample = -1
  return {
    sampleStarts: Int32Array.from(bounds),
    maxSampleLength: Math.max(...starts.map((start, index) => bounds[index + 1]! - start)),
    sampleIndex: positionIds.map((position) => (position === 0 ? ++sample : sample)),
  }
}

/** Options of `preferenceBatch`. */
export interface PreferenceBatchOptions extends PadOptions {
  readonly maxLength?: number | undefined
  readonly truncationMode?: TruncationMode | undefined
}

/** All chosen sequences, then all rejected ones. */
export interface PreferenceBatch {
  readonly inputIds: Int32Array[]
  readonly attentionMask: Int32Array[]
  /** 1 on tokens of the completion. */
  readonly completionMask: Int32Array[]
}

/** A batch as TRL's preference collator makes it: prompt and completion joined, cut to `maxLength`, padded on the right. */
export function preferenceBatch(
  rows: readonly PreferenceRow[],
  { maxLength, truncationMode = 'keep_start', ...pad }: PreferenceBatchOptions,
): PreferenceBatch {
  const cut = (ids: Int32Array): Int32Array =>
    maxLength === undefined ? ids : truncate(ids, maxLength, truncationMode)
  const pairs = (['chosenIds', 'rejectedIds'] as const).flatMap((key) =>
    rows.map((row) => [row.promptIds, row[key]] as const),
  )
  const ids = pairs.map(([prompt, completion]) => cut(concat([prompt, completion])))
  const masks = pairs.map(([prompt, completion]) =>
    cut(new Int32Array(prompt.length + completion.length).fill(1, prompt.length)),
  )
  return {
    inputIds: rectangle(ids, pad.padId, pad),
    attentionMask: rectangle(
      ids.map((row) => new Int32Array(row.length).fill(1)),
      0,
      pad,
    ),
    completionMask: rectangle(masks, 0, pad),
  }
}

function concat(lists: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(lists.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const list of lists) {
    all.set(list, at)
    at += list.length
  }
  return all
}

function rectangle(rows: readonly Int32Array[], fill: number, { padToMultipleOf = 1 }: PadOptions): Int32Array[] {
  const width = Math.ceil(Math.max(...rows.map(({ length }) => length)) / padToMultipleOf) * padToMultipleOf
  return rows.map((row) => {
    const filled = new Int32Array(width).fill(fill)
    filled.set(row)
    return filled
  })
}
