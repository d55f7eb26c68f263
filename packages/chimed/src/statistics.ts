import { type Corpus, corpusOf, textOf } from './record'
import type { ChimedRecord, Tokenizer } from './types'

/** A row of Tables 1 to 3 of the paper. */
export interface SourceStatistics {
  readonly corpus: Corpus
  readonly source: string
  readonly samples: number
  /** Tokens without special ones; undefined without a tokenizer. */
  readonly tokens: number | undefined
  /** Bytes of UTF-8 text, layout not counted. */
  readonly bytes: number
  /** Turns of a conversation above 2 make it a multi-turn one; the share of such, conversations only. */
  readonly multiTurn: number | undefined
}

/** Statistics of records by source, in order of appearance. */
export function statistics(
  records: Iterable<ChimedRecord>,
  { tokenizer }: { readonly tokenizer?: Tokenizer | undefined } = {},
): SourceStatistics[] {
  const counter = statisticsCounter({ tokenizer })
  for (const record of records) counter.add(record)
  return counter.rows()
}

/** Counts records one by one. */
export interface StatisticsCounter {
  add(record: ChimedRecord): void
  rows(): SourceStatistics[]
  /** Characters per record in powers of two: `[512, 90]` are 90 records of 512 to 1023 characters. */
  lengths(): [from: number, count: number][]
}

/** A counter for streams. */
export function statisticsCounter({
  tokenizer,
}: {
  readonly tokenizer?: Tokenizer | undefined
} = {}): StatisticsCounter {
  const rows = new Map<
    string,
    { corpus: Corpus; source: string; samples: number; tokens: number; bytes: number; multi: number }
  >()
  const lengths = new Map<number, number>()
  return {
    add: (record) => {
      const corpus = corpusOf(record)
      const source = record.origin?.source ?? ''
      const key = `${corpus}\n${source}`
      let row = rows.get(key)
      if (!row) rows.set(key, (row = { corpus, source, samples: 0, tokens: 0, bytes: 0, multi: 0 }))
      const text = textOf(record)
      row.samples++
      row.bytes += Buffer.byteLength(text)
      if (tokenizer) row.tokens += tokenizer.encode(text, { addSpecialTokens: false }).length
      if ('messages' in record && record.messages.filter(({ role }) => role === 'user').length > 1) row.multi++
      const from = text.length === 0 ? 0 : 2 ** Math.floor(Math.log2(text.length))
      lengths.set(from, (lengths.get(from) ?? 0) + 1)
    },
    rows: () =>
      [...rows.values()].map(({ corpus, source, samples, tokens, bytes, multi }) => ({
        corpus,
        source,
        samples,
        tokens: tokenizer ? tokens : undefined,
        bytes,
        multiTurn: corpus === 'sft' ? multi / samples : undefined,
      })),
    lengths: () => [...lengths].sort(([a], [b]) => a - b),
  }
}

/** One line per corpus with the sums over its sources. */
export function totals(rows: readonly SourceStatistics[]): SourceStatistics[] {
  const corpora: Corpus[] = ['cpt', 'sft', 'dpo']
  return corpora.flatMap((corpus) => {
    const own = rows.filter((row) => row.corpus === corpus)
    if (own.length === 0) return []
    const sum = (of: (row: SourceStatistics) => number): number => own.reduce((total, row) => total + of(row), 0)
    const samples = sum((row) => row.samples)
    return [
      {
        corpus,
        source: 'total',
        samples,
        tokens: own.some((row) => row.tokens === undefined) ? undefined : sum((row) => row.tokens!),
        bytes: sum((row) => row.bytes),
        multiTurn: corpus === 'sft' ? sum((row) => row.multiTurn! * row.samples) / Math.max(1, samples) : undefined,
      },
    ]
  })
}
