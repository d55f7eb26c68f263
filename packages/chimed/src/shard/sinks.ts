import { createHash } from 'node:crypto'
import { faultLog, stepReport } from '../faults'
import { type Corpus, textOf } from '../record'
import { fingerprint, type SplitOptions, splitFor } from '../split'
import { type LengthHistogram, type SourceStatistics, statisticsCounter } from '../statistics'
import type { TokenOptions } from '../tokens/options'
import { corpusRows } from '../tokens/rows'
import type { ChimedRecord, StepReport, Tokenizer } from '../types'
import { type CorpusFormat, recordLine } from '../write/corpora'
import { tokenShardWriter } from '../write/token-shard'
import { partWriter } from './parts'
import type { Emitter } from './sharded-step'
import { bucketOf, spill } from './spill'
import type { TaskOutput } from './stage'

/** Takes the records of a part that are left after a pass, and writes what comes of them. */
export interface Sink<Info> {
  add(record: ChimedRecord): void
  /** Bytes held, about. */
  readonly length: number
  /** Puts the files; their names begin with `label`. */
  close(output: TaskOutput, label: string): Promise<Info>
}

/** A part as a pass leaves it for the next one. */
export interface RowsInfo {
  readonly size: number
  readonly rows: string
  readonly ends: string
  /** Entries of the first round of the next step. */
  readonly spill: string
}

/** Where entries go: their numbers, and into how many buckets. */
export interface SpillShape {
  readonly words: number
  readonly buckets: number
}

/** Keeps records as a part, and sends their entries. */
export function rowsSink(emitter: Emitter, { words, buckets }: SpillShape): Sink<RowsInfo> {
  const writer = partWriter()
  const entries = entrySpill({ words, buckets })
  return {
    get length() {
      return writer.length
    },
    add: (record) => {
      emitter(record, writer.size, entries.put(writer.size))
      writer.add(record)
    },
    close: async (output, label) => {
      const { rows, ends } = writer.files()
      return {
        size: writer.size,
        rows: output.put(`${label}rows.jsonl`, rows),
        ends: output.put(`${label}ends`, ends),
        spill: output.put(`${label}spill`, entries.bytes()),
      }
    },
  }
}

/** A spill whose rows are the words of an entry and the number of its record. */
export function entrySpill({ words, buckets }: SpillShape) {
  const entries = spill(words + 1, buckets)
  const row = new Uint32Array(words + 1)
  return {
    put:
      (index: number) =>
      (entry: Uint32Array): void => {
        row.set(entry)
        row[words] = index
        entries.add(row, bucketOf(entry[0]!, buckets))
      },
    bytes: entries.bytes,
  }
}

/** What the last pass needs to know. */
export interface FinalOptions {
  readonly split: SplitOptions
  readonly format: CorpusFormat
  readonly tokenizer: Tokenizer | undefined
  readonly tokens: TokenOptions | undefined
}

/** One split of a finished part. */
export interface FinalSplit {
  readonly size: number
  /** Lines as they stand in the corpus. */
  readonly lines: string
  /** Rows before packing, as a token shard; absent without a tokenizer or when the corpus gets none. */
  readonly tokens: string | undefined
  readonly rows: number
  readonly statistics: readonly SourceStatistics[]
  readonly lengths: readonly LengthHistogram[]
  /** Records that gave no row. */
  readonly faults: StepReport | undefined
}

/** A finished part. */
export interface FinalInfo {
  readonly train: FinalSplit
  readonly validation: FinalSplit
  /** Fingerprints of the validation records, a line each. */
  readonly fingerprints: string
}

/** Splits records, writes their lines and token rows, counts them. */
export function finalSink(corpus: Corpus, { split, ...options }: FinalOptions): Sink<FinalInfo> {
  const halves = { train: half(corpus, options), validation: half(corpus, options) }
  const fingerprints = new Set<string>()
  return {
    get length() {
      return halves.train.length + halves.validation.length
    },
    add: (record) => {
      const name = splitFor(record, split)
      halves[name].add(record, name)
      if (name === 'validation') fingerprints.add(fingerprint(textOf(record)))
    },
    close: async (output, label) => ({
      train: await halves.train.close(output, `${label}train`),
      validation: await halves.validation.close(output, `${label}validation`),
      fingerprints: output.put(`${label}fingerprints`, [
        Buffer.from([...fingerprints].map((one) => `${one}\n`).join('')),
      ]),
    }),
  }
}

function half(corpus: Corpus, { format, tokenizer, tokens }: Omit<FinalOptions, 'split'>) {
  const counter = statisticsCounter({ tokenizer })
  const packs = tokenizer !== undefined && tokens?.[corpus] !== undefined
  const lines: Buffer[] = []
  const records: ChimedRecord[] = []
  let size = 0
  let length = 0
  async function tokenShard() {
    const log = faultLog()
    const writer = tokenShardWriter({
      kind: corpus === 'dpo' ? 'preference' : 'token',
      vocabularySize: tokenizer!.vocabularySize,
    })
    for await (const row of corpusRows(corpus, records, { tokens: tokens!, tokenizer: tokenizer!, onFault: log.add }))
      writer.add(row)
    return { writer, report: stepReport('tokens', size, size - log.total(), log) }
  }
  return {
    get length() {
      return length
    },
    add: (record: ChimedRecord, name: 'train' | 'validation'): void => {
      const line = Buffer.from(`${recordLine[format](record)}\n`)
      lines.push(line)
      length += line.length
      size++
      if (packs) records.push(record)
      counter.add(record, name)
    },
    close: async (output: TaskOutput, label: string): Promise<FinalSplit> => {
      const packed = packs && size > 0 ? await tokenShard() : undefined
      return {
        size,
        lines: output.put(`${label}.lines`, lines),
        tokens: packed && output.put(`${label}.tokens`, packed.writer.bytes()),
        rows: packed?.writer.rows ?? 0,
        statistics: counter.rows(),
        lengths: counter.lengths(),
        faults: packed?.report,
      }
    },
  }
}

/** SHA-256 of bytes, in hexadecimal. */
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
