import { join } from 'node:path'
import { type BuildReport, buildReport } from './build-report'
import { ChimedError } from './errors'
import { faultLog, stepReport } from './faults'
import { type Corpus, conversationText } from './record'
import type { Source } from './sources/source'
import { type SplitManifest, type SplitOptions, splitManifest, splitRecords } from './split'
import { statisticsCounter } from './statistics'
import { runSteps, type Step } from './step'
import type { TestSet } from './tests'
import type { TokenOptions } from './tokens/options'
import { requireTokenizer, tokenStreams, writeTokenShards } from './tokens/write'
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
import { corpusFiles, writeRecords } from './write/corpora'
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
  /** Also writes token shards for training to `out/tokens`; needs `tokenizer`. */
  readonly tokens?: TokenOptions | undefined
  /** Folder to write to; nothing is written without it. */
  readonly out?: string | undefined
  /** Also writes every record that a step left out, and every row that gave none, with the reason, to files in `out/dropped` (default false). */
  readonly dropped?: boolean | undefined
  /** `trl`: `cpt.jsonl`, `sft.jsonl`, `dpo.jsonl` in TRL's formats (default); `qilin`: `cpt.txt`, `sft.jsonl`, `dpo.json` as the scripts read them. */
  readonly format?: 'trl' | 'qilin' | undefined
  /** Told of every row that readers and converters leave out, which the report counts all the same; may throw to stop. */
  readonly onFault?: OnFault | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
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
  const { cpt = [], sft = [], dpo = [], out, dropped } = options
  requireTokenizer('build', options)
  if (cpt.length + sft.length + dpo.length === 0)
    throw new ChimedError('option', 'build: expected sources in cpt, sft or dpo, got none. Name at least one.')
  const side = out && dropped ? sideFiles(join(out, 'dropped')) : undefined
  try {
    return await buildBeside(side, options)
  } catch (error) {
    side?.abort()
    throw error
  }
}

async function buildBeside(side: SideFiles | undefined, options: BuildOptions): Promise<Built> {
  const {
    cpt = [],
    sft = [],
    dpo = [],
    tests = [],
    split = { validation: 0 },
    tokenizer,
    out,
    onFault,
    onProgress,
    signal,
  } = options
  const reading: StepReport[] = []
  const { texts, conversations, pairs } = await readCorpora(options, { onFault, onProgress, signal, reading, side })
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
  const corpusNames = out ? await writeCorpora(out, { train, validation }, options) : []
  const packed =
    out && options.tokens && tokenizer
      ? await writeTokenShards(out, tokenStreams({ train, validation }, { tokens: options.tokens, tokenizer }), {
          tokens: options.tokens,
          tokenizer,
          manifest: manifestText(manifest),
        })
      : undefined
  const sideNames = (side?.close() ?? []).map((name) => `dropped/${name}`)
  const report = buildReport({
    rows: counter.rows(),
    sources: [cpt, sft, dpo],
    lengths: counter.lengths(),
    reading,
    steps: { cpt: texts.reports, sft: conversations.reports, dpo: pairs.reports },
    tokens: packed?.reports,
    files: out ? [...corpusNames, ...(packed?.files ?? []), 'splits.json', 'report.json', ...sideNames] : [],
  })
  if (out) await writeManifestAndReport(out, manifest, report)
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
  readonly onFault: BuildOptions['onFault']
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
  { onFault, onProgress, signal, reading, side }: RunContext,
): Promise<{ readonly records: T[]; readonly reports: StepReport[] }> {
  const records: T[] = []
  for (const source of sources) {
    const log = faultLog()
    const before = records.length
    const told: OnFault = (fault) => {
      log.add(fault)
      side?.onFault(fault, `${corpus}-read`)
      onFault?.(fault)
    }
    for await (const record of source.read({ onFault: told, signal })) {
      if (records.push(record) % 5000 === 0)
        onProgress?.({ stage: `read ${source.name}`, done: records.length - before, unit: 'rows' })
    }
    reading.push(stepReport(source.name, records.length - before + log.total(), records.length - before, log))
  }
  return runSteps(records, steps, { onProgress, signal, onDrop: side?.onDrop })
}

/** Writes the corpora; returns their names. */
async function writeCorpora(
  out: string,
  built: { readonly train: BuiltCorpora; readonly validation: BuiltCorpora },
  { format = 'trl' }: BuildOptions,
): Promise<string[]> {
  const files: string[] = []
  for (const [split, folder] of [
    ['train', ''],
    ['validation', 'validation/'],
  ] as const) {
    for (const corpus of ['cpt', 'sft', 'dpo'] as const) {
      const records = built[split][corpus]
      if (records.length === 0) continue
      const name = folder + corpusFiles[format][corpus]
      await writeRecords(join(out, name), records, format)
      files.push(name)
    }
  }
  return files
}

/** The split manifest as it stands in `splits.json`. */
export const manifestText = (manifest: SplitManifest): string => `${JSON.stringify(manifest)}\n`

/** Writes `splits.json` and `report.json`. */
export async function writeManifestAndReport(out: string, manifest: SplitManifest, report: BuildReport): Promise<void> {
  await writeFileWhole(join(out, 'splits.json'), manifestText(manifest))
  await writeFileWhole(join(out, 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`)
}
