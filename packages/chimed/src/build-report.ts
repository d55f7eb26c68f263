import type { Corpus } from './record'
import type { Source } from './sources/source'
import { type LengthHistogram, type SourceStatistics, totals } from './statistics'
import type { StepReport } from './types'

/** What became of one source on the way. */
export interface SourceReport extends SourceStatistics {
  /** Records that were read, before any step. */
  readonly read: number
  /** Rows that gave no record, by reason. */
  readonly faults: Readonly<Record<string, number>>
}

/** What `build` did. */
export interface BuildReport {
  /** Tables 1 to 3: what is left of each source for training. */
  readonly sources: readonly SourceReport[]
  /** What went to validation, by source. */
  readonly validation: readonly SourceStatistics[]
  /** Sums by corpus and split. */
  readonly totals: readonly SourceStatistics[]
  /** Lengths of all records that are left, by corpus. */
  readonly lengths: readonly LengthHistogram[]
  /** Reading and converting, a report per source; rows left out with examples. */
  readonly reading: readonly StepReport[]
  /** Steps by corpus. */
  readonly steps: Readonly<Record<Corpus, readonly StepReport[]>>
  /** Token shards, when they were asked for. */
  readonly tokens?: readonly TokenReport[] | undefined
  /** Files written, relative to `out`. */
  readonly files: readonly string[]
}

/** Token rows of one split of a corpus. */
export interface TokenReport {
  readonly corpus: Corpus
  readonly split: 'train' | 'validation'
  readonly rows: number
  readonly tokens: number
  /** Records that came to the tokenizer, and why some gave no row. */
  readonly records: StepReport
}

/** What a report is made from. */
export interface BuildParts extends Pick<BuildReport, 'lengths' | 'reading' | 'steps' | 'tokens' | 'files'> {
  /** Statistics of both splits. */
  readonly rows: readonly SourceStatistics[]
  /** Sources of `cpt`, `sft` and `dpo`, in the order of `reading`. */
  readonly sources: readonly (readonly Source[])[]
}

/** The report of a build. */
export const buildReport = ({ rows, sources, lengths, reading, steps, tokens, files }: BuildParts): BuildReport => ({
  sources: sourceReports(
    rows.filter((row) => row.split === 'train'),
    reading,
    sources,
  ),
  validation: rows.filter((row) => row.split === 'validation'),
  totals: totals(rows),
  lengths,
  reading,
  steps,
  ...(tokens && { tokens }),
  files,
})

/** Rows in the order of the sources; one that nothing is left of is there with zeros. */
function sourceReports(
  rows: readonly SourceStatistics[],
  reading: readonly StepReport[],
  sources: readonly (readonly Source[])[],
): SourceReport[] {
  const corpora: Corpus[] = ['cpt', 'sft', 'dpo']
  let next = 0
  const reports = new Map<string, SourceReport>()
  for (const [index, list] of sources.entries()) {
    for (const { name } of list) {
      const corpus = corpora[index]!
      const { output, dropped } = reading[next++]!
      const known = reports.get(`${corpus} ${name}`)
      const left = rows.find((row) => row.corpus === corpus && row.source === name) ?? {
        corpus,
        source: name,
        split: 'train' as const,
        samples: 0,
        tokens: 0,
        bytes: 0,
        multiTurn: undefined,
      }
      reports.set(`${corpus} ${name}`, {
        ...left,
        read: output + (known?.read ?? 0),
        faults: addCounts([known?.faults ?? {}, dropped]),
      })
    }
  }
  return [...reports.values()]
}

/** Counts added up by name, names in the order they first appear. */
export function addCounts(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {}
  for (const one of counts) for (const [name, count] of Object.entries(one)) sum[name] = (sum[name] ?? 0) + count
  return sum
}
