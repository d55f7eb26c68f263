import { countBits, duplicatedWindows, type Range, type Symbols, windowRanges } from './windows'

/** Options of exact-substring deduplication. */
export interface SubstringOptions {
  /** Shortest duplicate: tokens, or bytes of UTF-8. */
  readonly length: number
  /**
   * `none`: every copy is removed, as in Lee et al. 2022 (default). `first`: the first copy of each window stays, with everything it covers.
   */
  readonly keep?: 'none' | 'first' | undefined
  /** How often it is done: removing text can bring new duplicates together (default 1; Lee et al. did 2). */
  readonly passes?: number | undefined
}

/** What was found in a list of documents. */
export interface SubstringRanges {
  /** Duplicated ranges of each document, ascending. */
  readonly byDocument: readonly (readonly Range[])[]
  /** Places where duplicated windows begin, over all documents. */
  readonly windows: number
}

/** Duplicated ranges of token sequences. Matches never span documents. */
export function duplicatedTokens(documents: readonly ArrayLike<number>[], options: SubstringOptions): SubstringRanges {
  let most = 0
  for (const document of documents) for (let i = 0; i < document.length; i++) most = Math.max(most, document[i]!)
  const symbols = most < 0x10000 ? Uint16Array : Uint32Array
  return byDocument(
    documents.map((document) => symbols.from(document)),
    options,
  )
}

/** Duplicated ranges of UTF-8 documents, in bytes. The ends of a range may fall inside a character (`wholeCharacters` mends that). */
export const duplicatedBytes = (documents: readonly Uint8Array[], options: SubstringOptions): SubstringRanges =>
  byDocument(documents, options)

function byDocument(documents: readonly Symbols[], { length, keep = 'none' }: SubstringOptions): SubstringRanges {
  const { all, later } = duplicatedWindows(documents, { length })
  const first = keep === 'first' ? all.map((word, index) => word & ~later[index]!) : undefined
  let end = 0
  const ranges = documents.map((document) => {
    const start = end
    end += document.length
    const found = first
      ? subtract(windowRanges(later, [start, end], length), windowRanges(first, [start, end], length))
      : windowRanges(all, [start, end], length)
    return found.map(([from, to]): Range => [from - start, to - start])
  })
  return { byDocument: ranges, windows: countBits(all) }
}

/** The parts of `ranges` that `others` do not cover; both ascend. */
export function subtract(ranges: readonly Range[], others: readonly Range[]): Range[] {
  const left: Range[] = []
  let next = 0
  for (const [from, to] of ranges) {
    let at = from
    while (next < others.length && others[next]![1] <= from) next++
    for (let i = next; i < others.length && others[i]![0] < to; i++) {
      if (others[i]![0] > at) left.push([at, others[i]![0]])
      at = Math.max(at, others[i]![1])
    }
    if (at < to) left.push([at, to])
  }
  return left
}

/** A document without some of its ranges. */
export function withoutRanges<T extends { slice(from: number, to?: number): T; readonly length: number }>(
  document: T,
  ranges: readonly Range[],
  join: (parts: T[]) => T,
): T {
  if (ranges.length === 0) return document
  const parts: T[] = []
  let at = 0
  for (const [from, to] of ranges) {
    parts.push(document.slice(at, from))
    at = to
  }
  parts.push(document.slice(at))
  return join(parts)
}

/** Documents after removal, what was removed from each in the first pass, and how much in all. */
export interface SubstringResult<T> {
  readonly documents: readonly T[]
  readonly ranges: readonly (readonly Range[])[]
  /** Symbols removed by each pass. */
  readonly removed: readonly number[]
}

/** Token sequences without their duplicated ranges. */
export function removeDuplicatedTokens(
  documents: readonly (readonly number[])[],
  options: SubstringOptions,
): SubstringResult<readonly number[]> {
  return passes(
    documents,
    options,
    (list) => duplicatedTokens(list, options).byDocument,
    (document, ranges) => withoutRanges([...document], ranges, (parts) => parts.flat()),
  )
}

/** Texts without their duplicated ranges of at least `length` bytes of UTF-8, cut at whole characters. */
export function removeDuplicatedText(texts: readonly string[], options: SubstringOptions): SubstringResult<string> {
  const documents = texts.map((text) => Buffer.from(text))
  const find = (list: readonly Buffer[]): Range[][] =>
    duplicatedBytes(list, options).byDocument.map((ranges, index) => wholeCharacters(list[index]!, ranges))
  const result = passes(documents, options, find, (document, ranges) =>
    withoutRanges(document, ranges, (parts) => Buffer.concat(parts)),
  )
  return {
    ...result,
    documents: result.documents.map((document, index) =>
      document === documents[index] ? texts[index]! : document.toString(),
    ),
  }
}

function passes<T>(
  documents: readonly T[],
  { passes: rounds = 1 }: SubstringOptions,
  find: (documents: readonly T[]) => readonly (readonly Range[])[],
  cut: (document: T, ranges: readonly Range[]) => T,
): SubstringResult<T> {
  let current = documents
  let first: readonly (readonly Range[])[] = []
  const removed: number[] = []
  for (let round = 0; round < rounds; round++) {
    const ranges = find(current)
    if (round === 0) first = ranges
    removed.push(ranges.flat().reduce((sum, [from, to]) => sum + to - from, 0))
    if (removed.at(-1) === 0) break
    current = current.map((document, index) => cut(document, ranges[index]!))
  }
  return { documents: current, ranges: first, removed }
}

/** Byte ranges of UTF-8 shrunk to whole characters; what is left of a range without any is dropped. */
export function wholeCharacters(document: Uint8Array, ranges: readonly Range[]): Range[] {
  const inside = (at: number): boolean => at < document.length && (document[at]! & 0xc0) === 0x80
  return ranges.flatMap(([from, to]) => {
    let start = from
    let end = to
    while (start < end && inside(start)) start++
    while (end > start && inside(end)) end--
    return start < end ? [[start, end] as Range] : []
  })
}

/** How text-dedup unites the ranges of a document. */
export type MergeStrategy = 'longest' | 'overlapping'

/** Ranges as text-dedup merges them: `overlapping` unites what touches or overlaps, `longest` only leaves out ranges inside others. */
export function mergeRanges(ranges: readonly Range[], strategy: MergeStrategy): Range[] {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0] || b[1] - a[1])
  const merged: [number, number][] = []
  for (const [from, to] of sorted) {
    const last = merged.at(-1)
    if (last && strategy === 'overlapping' && last[1] >= from) last[1] = Math.max(last[1], to)
    else if (!last || to > last[1]) merged.push([from, to])
  }
  return merged
}
