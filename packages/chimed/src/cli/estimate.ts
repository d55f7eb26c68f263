import { statSync } from 'node:fs'
import type { BuildOptions } from '../build'
import { textOf } from '../record'
import { planBuild } from '../shard/plan'
import type { Source } from '../sources/source'
import type { ChimedRecord } from '../types'
import { table } from './tables'

/** What a build would read and take. */
export interface Estimate {
  readonly sources: readonly SourceEstimate[]
  readonly rows: number
  /** Bytes of raw files. */
  readonly rawBytes: number
  /** Bytes of text. */
  readonly textBytes: number
  /** Seconds of one process on this machine. */
  readonly seconds: number
  /** Highest need of the work folder, in bytes. */
  readonly workBytes: number
  readonly outBytes: number
  /** True when every row was read, so that rows and bytes are counts. */
  readonly whole: boolean
}

/** One source: rows are counted or projected from its first rows. */
export interface SourceEstimate {
  readonly corpus: string
  readonly source: string
  readonly files: number
  readonly rawBytes: number
  readonly rows: number
  readonly textBytes: number
  readonly sampled: boolean
}

/** Rows of a source that are read for an estimate. */
const sampleRows = 2000

/** Rows of all sources on which the steps are timed. */
const timedRows = 2000

/**
 * Estimates a build without writing: reads the first rows of every source, times the steps on them, and projects by the bytes of the files.
 * Packed files and files whose rows grow along the way make it rough; it is meant to tell minutes from days.
 */
export async function estimate(options: BuildOptions, { now }: { now(): number }): Promise<Estimate> {
  const plan = await planBuild(options)
  const groups: [string, readonly Source[]][] = [
    ['cpt', options.cpt ?? []],
    ['sft', options.sft ?? []],
    ['dpo', options.dpo ?? []],
  ]
  const sources: SourceEstimate[] = []
  const sample: ChimedRecord[] = []
  let readSeconds = 0
  let readRows = 0
  for (const [corpus, list] of groups) {
    for (const source of list) {
      const began = now()
      const head = await readHead(source)
      readSeconds += (now() - began) / 1000
      readRows += head.records.length
      sample.push(...head.records.slice(0, Math.ceil(timedRows / plan.inputs.length)))
      sources.push(project(corpus, source, head))
    }
  }
  const sum = (of: (one: SourceEstimate) => number): number => sources.reduce((total, one) => total + of(one), 0)
  const rows = sum((one) => one.rows)
  const began = now()
  for (const step of options.steps ?? []) if (sample.length > 0) await step.run(sample.slice(0, timedRows))
  const stepSeconds = sample.length === 0 ? 0 : ((now() - began) / 1000 / Math.min(sample.length, timedRows)) * rows
  const textBytes = sum((one) => one.textBytes)
  const passes = plan.segments.length
  return {
    sources,
    rows,
    rawBytes: sum((one) => one.rawBytes),
    textBytes,
    seconds: (readRows === 0 ? 0 : (readSeconds / readRows) * rows) + stepSeconds,
    // every pass keeps the records with their origins; near-duplicates send 21 entries of 12 bytes a record
    workBytes: passes * (textBytes + rows * 120) + rows * 300 + (options.tokens ? textBytes * 2 : 0),
    outBytes: textBytes + rows * 40 + (options.tokens ? textBytes : 0),
    whole: sources.every(({ sampled }) => !sampled),
  }
}

interface Head {
  readonly records: ChimedRecord[]
  readonly textBytes: number
  readonly whole: boolean
}

async function readHead(source: Source): Promise<Head> {
  const records: ChimedRecord[] = []
  let textBytes = 0
  for await (const record of source.read({ onFault: () => {} })) {
    if (records.length === sampleRows) return { records, textBytes, whole: false }
    records.push(record)
    textBytes += Buffer.byteLength(textOf(record))
  }
  return { records, textBytes, whole: true }
}

function project(corpus: string, source: Source, { records, textBytes, whole }: Head): SourceEstimate {
  const files = source.files()
  const rawBytes = files.reduce((sum, file) => sum + statSync(file).size, 0)
  const packed = files.some((file) => /\.(gz|zst|parquet)$/i.test(file)) ? 3 : 1 // text packs to about a third
  const perRow = textBytes / Math.max(1, records.length)
  const rows = whole ? records.length : Math.max(records.length, Math.round((rawBytes * packed) / (perRow * 1.15 + 20)))
  return {
    corpus,
    source: source.name,
    files: files.length,
    rawBytes,
    rows,
    textBytes: Math.round(perRow * rows),
    sampled: !whole,
  }
}

const size = (bytes: number): string =>
  bytes >= 1e9
    ? `${(bytes / 1e9).toFixed(1)} GB`
    : bytes >= 1e6
      ? `${(bytes / 1e6).toFixed(1)} MB`
      : `${Math.ceil(bytes / 1e3)} kB`

/** An estimate as tables. */
export function estimateTable(estimated: Estimate): string {
  const sources = table(
    ['corpus', 'source', 'files', 'raw', 'rows', 'text'],
    estimated.sources.map((one) => [
      one.corpus,
      one.source,
      one.files,
      size(one.rawBytes),
      `${one.sampled ? 'about ' : ''}${one.rows}`,
      size(one.textBytes),
    ]),
  )
  const { rows, rawBytes, textBytes, seconds, workBytes, outBytes, whole } = estimated
  const time = seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`
  return `${sources}
rows ${whole ? '' : 'about '}${rows}, raw files ${size(rawBytes)}, text ${size(textBytes)}
time about ${time} of one process, work folder about ${size(workBytes)}, results about ${size(outBytes)}
Nothing was written.
`
}
