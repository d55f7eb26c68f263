import { type Corpus, corpusOf, textOf } from './record'
import type { ChimedRecord, Split, Tokenizer } from './types'

/** A row of Tables 1 to 3 of the paper. */
export interface SourceStatistics {
  readonly corpus: Corpus
  readonly source: string
  readonly split: Split
  readonly samples: number
  /** Tokens without special ones; undefined without a tokenizer. */
  readonly tokens: number | undefined
  /** Bytes of UTF-8 text, layout not counted. */
  readonly bytes: number
  /** Share of conversations with more than one question; conversations only. */
  readonly multiTurn: number | undefined
}

/** How long the records of a corpus are, in bins of powers of two. */
export interface LengthHistogram {
  readonly corpus: Corpus
  readonly unit: 'characters' | 'tokens'
  /** `[512, 90]`: 90 records of 512 to 1023; a bin of 0 holds the empty ones. Ascending, empty bins left out. */
  readonly bins: readonly (readonly [from: number, count: number])[]
}

/** Counts records one by one; memory does not grow with their number. */
export interface StatisticsCounter {
  /** `split` is the one the record ended in; its origin's, or `train`, when absent. */
  add(record: ChimedRecord, split?: Split): void
  /** A row per corpus, source and split, in order of appearance. */
  rows(): SourceStatistics[]
  /** By corpus, in characters and (with a tokenizer) in tokens. */
  lengths(): LengthHistogram[]
}

/** Statistics of records by source and split, in order of appearance. */
export function statistics(records: Iterable<ChimedRecord>, options: StatisticsOptions = {}): SourceStatistics[] {
  const counter = statisticsCounter(options)
  for (const record of records) counter.add(record)
  return counter.rows()
}

/** Options of `statistics` and `statisticsCounter`. */
export interface StatisticsOptions {
  /** Counts tokens when given. */
  readonly tokenizer?: Pick<Tokenizer, 'encode'> | undefined
}

/** A counter for streams. */
export function statisticsCounter({ tokenizer }: StatisticsOptions = {}): StatisticsCounter {
  const rows = new Map<string, Mutable<SourceStatistics>>()
  const lengths = new Map<string, Map<number, number>>()
  const measure = (corpus: Corpus, unit: LengthHistogram['unit'], length: number): void => {
    const key = `${corpus} ${unit}`
    const bins = lengths.get(key) ?? new Map<number, number>()
    lengths.set(key, bins.set(binOf(length), (bins.get(binOf(length)) ?? 0) + 1))
  }
  return {
    add: (record, split = record.origin?.split ?? 'train') => {
      const corpus = corpusOf(record)
      const text = textOf(record)
      const tokens = tokenizer?.encode(text, { addSpecialTokens: false }).length
      addRow(rows, {
        corpus,
        source: record.origin?.source ?? '',
        split,
        samples: 1,
        tokens,
        bytes: Buffer.byteLength(text),
        multiTurn: 'messages' in record ? Number(isMultiTurn(record.messages)) : undefined,
      })
      measure(corpus, 'characters', text.length)
      if (tokens !== undefined) measure(corpus, 'tokens', tokens)
    },
    rows: () => [...rows.values()].map((row) => ({ ...row })),
    lengths: () =>
      [...lengths].map(([key, bins]) => {
        const [corpus, unit] = key.split(' ') as [Corpus, LengthHistogram['unit']]
        return { corpus, unit, bins: [...bins].sort(([a], [b]) => a - b) }
      }),
  }
}

/** Rows of several parts of the data as one list: those of the same corpus, source and split are added up. */
export function mergeStatistics(parts: readonly (readonly SourceStatistics[])[]): SourceStatistics[] {
  const rows = new Map<string, Mutable<SourceStatistics>>()
  for (const row of parts.flat()) addRow(rows, row)
  return [...rows.values()]
}

/** Histograms of several parts of the data as one list. */
export function mergeLengths(parts: readonly (readonly LengthHistogram[])[]): LengthHistogram[] {
  const merged = new Map<string, LengthHistogram>()
  for (const histogram of parts.flat()) {
    const key = `${histogram.corpus} ${histogram.unit}`
    const bins = new Map(merged.get(key)?.bins)
    for (const [from, count] of histogram.bins) bins.set(from, (bins.get(from) ?? 0) + count)
    merged.set(key, { ...histogram, bins: [...bins].sort(([a], [b]) => a - b) })
  }
  return [...merged.values()]
}

/** One line per corpus and split with the sums over its sources. */
export function totals(rows: readonly SourceStatistics[]): SourceStatistics[] {
  const corpora: Corpus[] = ['cpt', 'sft', 'dpo']
  const splits: Split[] = ['train', 'validation', 'test']
  const sums = mergeStatistics([rows.map((row) => ({ ...row, source: 'total' }))])
  return corpora.flatMap((corpus) =>
    splits.flatMap((split) => sums.filter((row) => row.corpus === corpus && row.split === split)),
  )
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

function addRow(rows: Map<string, Mutable<SourceStatistics>>, added: SourceStatistics): void {
  const key = `${added.corpus}\n${added.source}\n${added.split}`
  const row = rows.get(key)
  if (!row) {
    rows.set(key, { ...added })
    return
  }
  const samples = row.samples + added.samples
  if (row.multiTurn !== undefined && added.multiTurn !== undefined && samples > 0) {
    // shares stand for whole numbers of conversations, and stay so however often they are added up
    const multi = Math.round(row.multiTurn * row.samples) + Math.round(added.multiTurn * added.samples)
    row.multiTurn = multi / samples
  }
  row.samples = samples
  row.bytes += added.bytes
  row.tokens = row.tokens === undefined || added.tokens === undefined ? undefined : row.tokens + added.tokens
}

const isMultiTurn = (messages: readonly { readonly role: string }[]): boolean =>
  messages.filter(({ role }) => role === 'user').length > 1

/** The power of two at or below a length. */
const binOf = (length: number): number => (length === 0 ? 0 : 2 ** Math.floor(Math.log2(length)))
