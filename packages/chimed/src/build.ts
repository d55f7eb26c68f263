import { join } from 'node:path'
import { ChimedError } from './errors'
import { faultLog, stepReport } from './faults'
import { type Corpus, conversationText } from './record'
import type { Source } from './sources/source'
import { type SplitManifest, type SplitOptions, splitManifest, splitRecords } from './split'
import { type LengthHistogram, type SourceStatistics, statisticsCounter, totals } from './statistics'
import { runSteps, type Step } from './step'
import type { TestSet } from './tests'
import type {
  ChimedRecord,
  Conversation,
  CptText,
  OnFault,
  PreferencePair,
  Progress,
  StepReport,
  Tokenizer,
} from './types'
import {
  writeCptText,
  writeMessagesJsonl,
  writePreferenceJsonl,
  writeQilinDpo,
  writeQilinSft,
  writeTextJsonl,
} from './write/corpora'
import { writeFileWhole } from './write/file'
import { type SideFiles, sideFiles } from './write/side-files'

/** What `build` makes and from what. */
export interface BuildOptions {
  /** Sources of pre-training text; conversations are written out as text. */
  readonly cpt?: readonly Source<CptText | Conversation>[] | undefined
  readonly sft?: readonly Source<Conversation>[] | undefined
  readonly dpo?: readonly Source<PreferencePair>[] | undefined
  /** Applied to each corpus in this order. */
  readonly steps?: readonly Step[] | undefined
  /** Test sets that the split manifest names, beside those the steps decontaminate against. */
  readonly tests?: readonly TestSet[] | undefined
  /** How many records go to validation; 0 by default. */
  readonly split?: SplitOptions | undefined
  /** Counts tokens for the report when given. */
  readonly tokenizer?: Tokenizer | undefined
  /** Folder to write to; nothing is written without it. */
  readonly out?: string | undefined
  /** Also writes every record that a step left out, and every row that gave none, with the reason, to files in `out/dropped` (default false). */
  readonly dropped?: boolean | undefined
  /** `trl`: `cpt.jsonl`, `sft.jsonl`, `dpo.jsonl` in TRL's formats (default); `qilin`: `cpt.txt`, `sft.jsonl`, `dpo.json` as the scripts read them. */
  readonly format?: 'trl' | 'qilin' | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

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
  /** Files written, relative to `out`. */
  readonly files: readonly string[]
}

/** The records that were built, and the report. */
export interface Built {
  readonly train: BuiltCorpora
  readonly validation: BuiltCorpora
  readonly manifest: SplitManifest
  readonly report: BuildReport
}

/** Records by corpus. */
export interface BuiltCorpora {
  readonly cpt: readonly CptText[]
  readonly sft: readonly Conversation[]
  readonly dpo: readonly PreferencePair[]
}

/**
 * Builds the three corpora in memory: reads the sources, runs the steps, splits, writes. For data larger than memory use the
 * sharded pipeline (`runShard`, `mergeShards`).
 *
 * @throws ChimedError `option` without any source
 */
export async function build(options: BuildOptions): Promise<BuildReport> {
  return (await buildCorpora(options)).report
}

/** The same, and the records with it. */
export async function buildCorpora(options: BuildOptions): Promise<Built> {
  const {
    cpt = [],
    sft = [],
    dpo = [],
    tests = [],
    split = { validation: 0 },
    tokenizer,
    out,
    onProgress,
    signal,
  } = options
  if (cpt.length + sft.length + dpo.length === 0)
    throw new ChimedError('option', 'build: expected sources in cpt, sft or dpo, got none. Name at least one.')
  const reading: StepReport[] = []
  const side = out && options.dropped ? sideFiles(join(out, 'dropped')) : undefined
  const context = { onProgress, signal, reading, side }
  const { texts, conversations, pairs } = await readCorpora(options, context).catch((error: unknown) => {
    side?.abort()
    throw error
  })
  const halves = [
    splitRecords(texts.records, split),
    splitRecords(conversations.records, split),
    splitRecords(pairs.records, split),
  ] as const
  const train = { cpt: halves[0].train, sft: halves[1].train, dpo: halves[2].train }
  const validation = { cpt: halves[0].validation, sft: halves[1].validation, dpo: halves[2].validation }
  const manifest = await splitManifest({ tests, validation: [...validation.cpt, ...validation.sft, ...validation.dpo] })
  const counter = statisticsCounter({ tokenizer })
  for (const record of [train.cpt, train.sft, train.dpo].flat()) counter.add(record, 'train')
  for (const record of [validation.cpt, validation.sft, validation.dpo].flat()) counter.add(record, 'validation')
  const rows = counter.rows()
  const report: BuildReport = {
    sources: sourceReports(
      rows.filter((row) => row.split === 'train'),
      reading,
      [cpt, sft, dpo],
    ),
    validation: rows.filter((row) => row.split === 'validation'),
    totals: totals(rows),
    lengths: counter.lengths(),
    reading,
    steps: { cpt: texts.reports, sft: conversations.reports, dpo: pairs.reports },
    files: out
      ? [...fileNames(options, train, validation), ...(side?.close() ?? []).map((name) => `dropped/${name}`)]
      : [],
  }
  if (out) await writeAll(out, { train, validation, manifest, report }, options)
  return { train, validation, manifest, report }
}

/** A source of conversations read as plain text. */
export const asText = (source: Source<CptText | Conversation>): Source<CptText> => ({
  ...source,
  read: async function* (options) {
    for await (const record of source.read(options)) yield 'text' in record ? record : conversationText(record)
  },
})

interface RunContext {
  readonly onProgress: BuildOptions['onProgress']
  readonly signal: AbortSignal | undefined
  readonly reading: StepReport[]
  readonly side: SideFiles | undefined
}

async function readCorpora({ cpt = [], sft = [], dpo = [], steps = [] }: BuildOptions, context: RunContext) {
  return {
    texts: await runCorpus<CptText>('cpt', cpt.map(asText), steps, context),
    conversations: await runCorpus('sft', sft, steps, context),
    pairs: await runCorpus('dpo', dpo, steps, context),
  }
}

async function runCorpus<T extends ChimedRecord>(
  corpus: Corpus,
  sources: readonly Source<T>[],
  steps: readonly Step[],
  { onProgress, signal, reading, side }: RunContext,
): Promise<{ readonly records: T[]; readonly reports: StepReport[] }> {
  const records: T[] = []
  for (const source of sources) {
    const log = faultLog()
    const before = records.length
    const onFault: OnFault = (fault) => {
      log.add(fault)
      side?.onFault(fault, `${corpus}-read`)
    }
    for await (const record of source.read({ onFault, signal })) {
      if (records.push(record) % 5000 === 0)
        onProgress?.({ stage: `read ${source.name}`, done: records.length - before, unit: 'rows' })
    }
    reading.push(stepReport(source.name, records.length - before + log.total(), records.length - before, log))
  }
  return runSteps(records, steps, { onProgress, signal, onDrop: side?.onDrop })
}

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
        faults: addCounts(known?.faults, dropped),
      })
    }
  }
  return [...reports.values()]
}

function addCounts(
  a: Readonly<Record<string, number>> = {},
  b: Readonly<Record<string, number>> = {},
): Record<string, number> {
  const sum: Record<string, number> = { ...a }
  for (const [code, count] of Object.entries(b)) sum[code] = (sum[code] ?? 0) + count
  return sum
}

const names = {
  trl: { cpt: 'cpt.jsonl', sft: 'sft.jsonl', dpo: 'dpo.jsonl' },
  qilin: { cpt: 'cpt.txt', sft: 'sft.jsonl', dpo: 'dpo.json' },
} as const

function fileNames({ format = 'trl' }: BuildOptions, train: BuiltCorpora, validation: BuiltCorpora): string[] {
  const corpora: Corpus[] = ['cpt', 'sft', 'dpo']
  const of = (built: BuiltCorpora, folder: string): string[] =>
    corpora.filter((corpus) => built[corpus].length > 0).map((corpus) => folder + names[format][corpus])
  return [...of(train, ''), ...of(validation, 'validation/'), 'splits.json', 'report.json']
}

async function writeAll(
  out: string,
  { train, validation, manifest, report }: Built,
  { format = 'trl' }: BuildOptions,
): Promise<void> {
  for (const [built, folder] of [
    [train, out],
    [validation, join(out, 'validation')],
  ] as const) {
    const path = (corpus: Corpus): string => join(folder, names[format][corpus])
    if (built.cpt.length > 0) await (format === 'trl' ? writeTextJsonl : writeCptText)(path('cpt'), built.cpt)
    if (built.sft.length > 0) await (format === 'trl' ? writeMessagesJsonl : writeQilinSft)(path('sft'), built.sft)
    if (built.dpo.length > 0) await (format === 'trl' ? writePreferenceJsonl : writeQilinDpo)(path('dpo'), built.dpo)
  }
  await writeFileWhole(join(out, 'splits.json'), `${JSON.stringify(manifest)}\n`)
  await writeFileWhole(join(out, 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`)
}
