import { join } from 'node:path'
import { type BuildOptions, build } from '../build'
import * as dedup from '../dedup'
import { decontaminate as decontaminateStep } from '../dedup/decontaminate'
import { ChimedError } from '../errors'
import { type ExportLayout, exportCorpus } from '../export/export'
import { plainFormat } from '../format/template'
import type { Packing } from '../pack/pack'
import type { Corpus } from '../record'
import type { Source } from '../sources/source'
import { readSplitManifest, testGuard } from '../split'
import { statisticsCounter } from '../statistics'
import type { Step } from '../step'
import type { TestSet } from '../tests'
import type { ChimedRecord, Conversation, CptText, PreferencePair } from '../types'
import { writeParquetShards } from '../write/parquet'
import type { CommandSurroundings } from './command'
import { testOf } from './config'
import { corpusOfFile, fileSource } from './file-source'
import { progressLine } from './progress'
import { buildTables, statisticsTables, table } from './tables'
import { loadTokenizer } from './tokenizer'

interface FileOptions {
  readonly corpus?: string | undefined
}

interface OutOptions extends FileOptions {
  readonly out: string
  readonly format?: string | undefined
}

/** The files as sources of one corpus. */
async function sourcesOf(
  files: readonly string[],
  { corpus }: FileOptions,
): Promise<{ readonly corpus: Corpus; readonly sources: readonly Source[] }> {
  const chosen = corpus ?? (await corpusOfFile(files[0]!))
  if (chosen !== 'cpt' && chosen !== 'sft' && chosen !== 'dpo')
    throw new ChimedError('option', `chimed: expected --corpus as cpt, sft or dpo, got '${chosen}'. Choose one.`)
  return { corpus: chosen, sources: files.map((file) => fileSource(chosen, file)) }
}

const corporaOf = (corpus: Corpus, sources: readonly Source[]): Pick<BuildOptions, 'cpt' | 'sft' | 'dpo'> => ({
  cpt: corpus === 'cpt' ? (sources as readonly Source<CptText>[]) : [],
  sft: corpus === 'sft' ? (sources as readonly Source<Conversation>[]) : [],
  dpo: corpus === 'dpo' ? (sources as readonly Source<PreferencePair>[]) : [],
})

/** Runs steps over files and writes what is left, with a report. */
async function runOver(
  files: readonly string[],
  options: OutOptions,
  more: Partial<BuildOptions>,
  surroundings: CommandSurroundings,
): Promise<void> {
  const { corpus, sources } = await sourcesOf(files, options)
  const { format = 'trl' } = options
  if (format !== 'trl' && format !== 'qilin')
    throw new ChimedError('option', `chimed: expected --format as trl or qilin, got '${format}'. Choose one.`)
  const progress = progressLine(surroundings)
  const report = await build({
    ...corporaOf(corpus, sources),
    out: options.out,
    format,
    dropped: true,
    onProgress: progress.show,
    signal: surroundings.signal,
    ...more,
  }).finally(progress.end)
  surroundings.print(buildTables(report))
}

/** `chimed stats`. */
export async function statsCommand(
  files: readonly string[],
  options: FileOptions & { readonly tokenizer?: string | undefined },
  { print, signal }: CommandSurroundings,
): Promise<void> {
  const { sources } = await sourcesOf(files, options)
  const tokenizer = options.tokenizer === undefined ? undefined : await loadTokenizer(options.tokenizer)
  const counter = statisticsCounter({ tokenizer })
  for (const source of sources) for await (const record of source.read({ signal })) counter.add(record)
  print(statisticsTables(counter.rows(), counter.lengths()))
}

/** `chimed dedup`. */
export async function dedupCommand(
  files: readonly string[],
  options: OutOptions & {
    readonly exact: boolean
    readonly minhash: number
    readonly substring: number
    readonly keep: string
  },
  surroundings: CommandSurroundings,
): Promise<void> {
  const { keep } = options
  if (keep !== 'first' && keep !== 'longest')
    throw new ChimedError('option', `chimed: expected --keep as first or longest, got '${keep}'. Choose one.`)
  const steps: Step[] = [
    ...(options.exact ? [dedup.exact({ keep })] : []),
    ...(options.minhash > 0 ? [dedup.minhash({ keep, threshold: options.minhash })] : []),
    ...(options.substring > 0 ? [dedup.substring({ minBytes: options.substring })] : []),
  ]
  await runOver(files, options, { steps }, surroundings)
}

/** `chimed decontaminate`. */
export async function decontaminateCommand(
  files: readonly string[],
  options: OutOptions & { readonly against: readonly string[]; readonly share: number },
  surroundings: CommandSurroundings,
): Promise<void> {
  const against = options.against.map(testSetOf)
  const steps = [decontaminateStep({ against, share: options.share })]
  await runOver(files, options, { steps, tests: against }, surroundings)
}

function testSetOf(spec: string): TestSet {
  const [, kind, path] = /^(cmexam|ceval|cmmlu|huatuo26m):(.+)$/s.exec(spec) ?? []
  if (kind === undefined)
    throw new ChimedError(
      'option',
      `chimed: expected --against as cmexam:, ceval:, cmmlu: or huatuo26m: and a path, got '${spec}'. Put the kind in front.`,
    )
  return testOf(kind as Parameters<typeof testOf>[0], path!)
}

const packings: readonly Packing[] = ['wrapped', 'bfd', 'bfd_split', 'qilin']

/** `chimed pack`. */
export async function packCommand(
  files: readonly string[],
  options: OutOptions & {
    readonly tokenizer: string
    readonly maxLength: number
    readonly packing?: string | undefined
    readonly manifest?: string | undefined
  },
  surroundings: CommandSurroundings,
): Promise<void> {
  const { maxLength } = options
  const packing = packings.find((name) => name === options.packing)
  if (options.packing !== undefined && !packing)
    throw new ChimedError(
      'option',
      `chimed: expected --packing as ${packings.join(', ')}, got '${options.packing}'. Choose one.`,
    )
  const tokenizer = await loadTokenizer(options.tokenizer)
  const chat = 'applyChatTemplate' in tokenizer
  const prompt = ({ content }: { readonly content: string }): string => `${content}\n`
  const tokens = {
    cpt: { blockSize: maxLength, packing },
    sft: { maxLength, packing, format: chat ? undefined : plainFormat({ tokenizer, maxLength, prompt }) },
    dpo: { maxLength, prompt: chat ? undefined : (pair: PreferencePair) => prompt({ content: pair.prompt }) },
  }
  const { corpus } = await sourcesOf(files, options)
  const steps = options.manifest === undefined ? [] : [guardStep(options.manifest)]
  await runOver(files, { ...options, corpus }, { tokenizer, tokens: { [corpus]: tokens[corpus] }, steps }, surroundings)
}

/** A step that stops at a record of a test split. */
function guardStep(path: string): Step {
  const guard = testGuard('chimed pack', readSplitManifest(path))
  const row: Step['row'] = (record) => {
    guard(record)
    return { record }
  }
  return {
    name: 'refuse-test',
    row,
    run: (records) => {
      for (const record of records) guard(record)
      const size = records.length
      return {
        records: [...records],
        report: { name: 'refuse-test', input: size, output: size, dropped: {}, changed: {}, examples: [] },
      }
    },
  }
}

/** `chimed convert`. */
export async function convertCommand(
  files: readonly string[],
  options: OutOptions & { readonly to: string },
  surroundings: CommandSurroundings,
): Promise<void> {
  const { to } = options
  if (to === 'trl' || to === 'qilin')
    return runOver(files, { ...options, format: to }, { dropped: false }, surroundings)
  const { sources } = await sourcesOf(files, options)
  async function* records(): AsyncGenerator<ChimedRecord> {
    for (const source of sources) yield* source.read({ signal: surroundings.signal })
  }
  if (to === 'parquet') {
    const written = await writeParquetShards(join(options.out, 'data'), records())
    surroundings.print(table(['rows', 'files'], [[written.rows, written.files.join(', ')]]))
    return
  }
  if (to !== 'data-juicer' && to !== 'datatrove')
    throw new ChimedError(
      'option',
      `chimed: expected --to as trl, qilin, parquet, data-juicer or datatrove, got '${to}'. Choose one.`,
    )
  const written = await exportCorpus(options.out, records(), { layout: to satisfies ExportLayout })
  surroundings.print(table(['rows', 'files'], [[written.rows, written.files.join(', ')]]))
}
