import type { TokenRow } from '../types'

/** What happens to rows longer than a packed row. */
export type Overflow = 'truncate' | 'split'

/** Options of `packBestFit`. */
export interface BestFitOptions {
  /** Tokens of a packed row. */
  readonly maxLength: number
  /** Rows longer than that are cut (default, TRL's `bfd`) or split into several (`bfd_split`). */
  readonly overflow?: Overflow | undefined
}

/**
 * Best fit decreasing as TRL packs it: rows by falling length, each into the fullest packed row that still holds it (the oldest among
 * equals). Empty rows are left out; `seqLengths` says where samples begin, so that attention and positions can be kept apart.
 *
 * @see Ding et al. 2024, Fewer Truncations Improve Language Modeling (https://arxiv.org/abs/2404.10830)
 */
export function packBestFit(
  rows: readonly TokenRow[],
  { maxLength, overflow = 'truncate' }: BestFitOptions,
): TokenRow[] {
  const pieces = rows.flatMap((row) =>
    overflow === 'split' ? split(row, maxLength) : row.inputIds.length === 0 ? [] : [part(row, 0, maxLength)],
  )
  const order = pieces
    .map((_, index) => index)
    .sort((a, b) => pieces[b]!.inputIds.length - pieces[a]!.inputIds.length || a - b)
  return assign(order, pieces, maxLength).map((bin) => joinRows(bin.map((index) => pieces[index]!)))
}

/** Indices of the pieces in each packed row. `order` has falling lengths. */
function assign(order: readonly number[], pieces: readonly TokenRow[], maxLength: number): number[][] {
  const bins: number[][] = []
  const spaces = largestTree(maxLength)
  const binsWithSpace = new Map<number, number[]>()
  for (const index of order) {
    const { length } = pieces[index]!.inputIds
    let space = spaces.smallestFrom(length)
    let bin = bins.length
    if (space === 0) {
      space = maxLength
      bins.push([])
    } else {
      const waiting = binsWithSpace.get(space)!
      bin = waiting.shift()!
      if (waiting.length === 0) spaces.set(space, false)
    }
    bins[bin]!.push(index)
    const left = space - length
    if (left === 0) continue
    const waiting = binsWithSpace.get(left)
    if (waiting) waiting.push(bin)
    else binsWithSpace.set(left, [bin])
    spaces.set(left, true)
  }
  return bins
}

/** A set of numbers 1 to `max` that finds the smallest member not below a number in log time. */
function largestTree(max: number): { set(value: number, present: boolean): void; smallestFrom(value: number): number } {
  const size = 1 << Math.ceil(Math.log2(Math.max(max, 1)))
  const largest = new Int32Array(2 * size)
  return {
    set: (value, present) => {
      let node = size + value - 1
      largest[node] = present ? value : 0
      while (node > 1) {
        node >>= 1
        largest[node] = Math.max(largest[2 * node]!, largest[2 * node + 1]!)
      }
    },
    smallestFrom: (value) => {
      if (largest[1]! < value) return 0
      let node = 1
      while (node < size) node = largest[2 * node]! >= value ? 2 * node : 2 * node + 1
      return largest[node]!
    },
  }
}

const part = ({ inputIds, labels }: TokenRow, start: number, end: number): TokenRow => ({
  inputIds: inputIds.subarray(start, end),
  labels: labels.subarray(start, end),
})

function split(row: TokenRow, length: number): TokenRow[] {
  const parts: TokenRow[] = []
  for (let start = 0; start < row.inputIds.length; start += length) parts.push(part(row, start, start + length))
  return parts
}

/** Several rows as one packed row. */
export function joinRows(rows: readonly TokenRow[]): TokenRow {
  const seqLengths = rows.map(({ inputIds }) => inputIds.length)
  const total = seqLengths.reduce((sum, length) => sum + length, 0)
  const inputIds = new Int32Array(total)
  const labels = new Int32Array(total)
  let at = 0
  for (const row of rows) {
    inputIds.set(row.inputIds, at)
    labels.set(row.labels, at)
    at += row.inputIds.length
  }
  return { inputIds, labels, seqLengths }
}
