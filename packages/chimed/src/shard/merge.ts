import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type BuildOptions, manifestText, writeManifestAndReport } from '../build'
import { type BuildReport, buildReport } from '../build-report'
import { ChimedError } from '../errors'
import { faultLog, stepReport } from '../faults'
import { openTokenShard } from '../read/token-shard'
import { splitManifest } from '../split'
import { mergeLengths, mergeStatistics } from '../statistics'
import { requireTokenizer, type TokenStream, writeTokenShards } from '../tokens/write'
import type { StepReport } from '../types'
import { corpusFiles } from '../write/corpora'
import { fileWriter } from '../write/file'
import type { ShardRow } from '../write/token-shard'
import type { PackInfo } from './pack-stage'
import { mergeReports } from './pass'
import { type PipelineDone, pipeline } from './pipeline'
import { corpora, planBuild } from './plan'
import type { ShardOptions } from './run'
import { stageRunner } from './stage'

/**
 * Writes what `build` writes from the finished shards of a run: corpora, validation, token shards, split manifest, report. The bytes do not
 * depend on the number of shards or on how the work was cut or interrupted.
 *
 * @throws ChimedError `shard` while tasks are missing, `option` without `out`
 */
export async function mergeShards(
  options: BuildOptions & { readonly out: string },
  { work, partBytes, buckets, onProgress, signal }: Omit<ShardOptions, 'shard' | 'patience'>,
): Promise<BuildReport> {
  requireTokenizer('mergeShards', options)
  if (!options.out) throw new ChimedError('option', 'mergeShards: expected a folder as out, got none. Name one.')
  const plan = await planBuild(options, { partBytes, buckets })
  const done = await pipeline(plan, stageRunner({ work, onProgress, signal }), { withReports: true })
  const report = await writeResults(options, done, work)
  removeLeftovers(work)
  return report
}

async function writeResults(
  options: BuildOptions & { readonly out: string },
  done: PipelineDone,
  work: string,
): Promise<BuildReport> {
  const { out, cpt = [], sft = [], dpo = [], tests = [], tokens, tokenizer } = options
  const corpusNames = await writeCorpora(options, done, work)
  const tested = await splitManifest({ tests })
  const manifest = {
    ...tested,
    fingerprints: { ...tested.fingerprints, validation: validationFingerprints(done, work) },
  }
  const packed =
    tokens && tokenizer
      ? await writeTokenShards(out, streams(done, work), { tokens, tokenizer, manifest: manifestText(manifest) })
      : undefined
  const sideNames = options.dropped ? await writeSides(options, done, work) : []
  const halves = [...done.parts.map(({ train }) => train), ...done.parts.map(({ validation }) => validation)]
  const report = buildReport({
    rows: mergeStatistics(halves.map(({ statistics }) => statistics)),
    sources: [cpt, sft, dpo],
    lengths: mergeLengths(halves.map(({ lengths }) => lengths)),
    reading: readingReports(done, cpt.length + sft.length + dpo.length),
    steps: { cpt: done.steps[0]!, sft: done.steps[1]!, dpo: done.steps[2]! },
    tokens: packed?.reports,
    files: [...corpusNames, ...(packed?.files ?? []), 'splits.json', 'report.json', ...sideNames],
  })
  await writeManifestAndReport(out, manifest, report)
  return report
}

async function writeCorpora(
  { out, format = 'trl' }: BuildOptions & { readonly out: string },
  done: PipelineDone,
  work: string,
): Promise<string[]> {
  const names: string[] = []
  for (const [split, folder] of [
    ['train', ''],
    ['validation', 'validation/'],
  ] as const) {
    for (const [corpus, key] of corpora.entries()) {
      const halves = done.parts.filter((part) => part.corpus === corpus).map((part) => part[split])
      if (halves.every(({ size }) => size === 0)) continue
      const name = folder + corpusFiles[format][key]
      await joinFiles(
        join(out, name),
        halves.map(({ lines }) => join(work, lines)),
      )
      names.push(name)
    }
  }
  return names
}

/** Writes files one behind the other. */
async function joinFiles(path: string, files: readonly string[]): Promise<void> {
  const file = fileWriter(path)
  try {
    for (const part of files) await file.write(readFileSync(part))
  } catch (error) {
    await file.abort()
    throw error
  }
  await file.close()
}

function validationFingerprints({ parts }: PipelineDone, work: string): string[] {
  const all = new Set<string>()
  for (const { fingerprints } of parts)
    for (const line of readFileSync(join(work, fingerprints), 'utf8').split('\n')) if (line !== '') all.add(line)
  return [...all].sort()
}

/** The report of each source over the tasks that read its files. */
function readingReports({ reading }: PipelineDone, sources: number): StepReport[] {
  return Array.from({ length: sources }, (_, number) => {
    const own = reading.filter(({ source }) => source === number).map(({ source, ...report }) => report)
    return mergeReports(stepReport(own[0]!.name, 0, 0, faultLog()), own)
  })
}

/** Side files in the order in which a build writes them: by corpus, reading first, then its steps. */
async function writeSides(
  { out, steps = [] }: BuildOptions & { readonly out: string },
  { sides }: PipelineDone,
  work: string,
): Promise<string[]> {
  const names = corpora.flatMap((corpus) =>
    ['read', ...steps.map(({ name }) => name)].map((name) => `${corpus}-${name}`),
  )
  const written: string[] = []
  for (const name of new Set(names)) {
    const files = sides.filter((side) => side.name === name).map(({ file }) => join(work, file))
    if (files.length === 0) continue
    await joinFiles(join(out, 'dropped', `${name}.jsonl`), files)
    written.push(`dropped/${name}.jsonl`)
  }
  return written
}

/** Packed rows of every stream, read from the shards of the parts. */
const streams = (done: PipelineDone, work: string): TokenStream[] =>
  done.packed.map((info) => ({
    corpus: corpora[info.corpus]!,
    split: info.split,
    rows: shardRows(info, work),
    records: () =>
      mergeReports(
        stepReport('tokens', 0, 0, faultLog()),
        done.parts.filter(({ corpus }) => corpus === info.corpus).flatMap((part) => part[info.split].faults ?? []),
      ),
  }))

function* shardRows({ files }: PackInfo, work: string): Generator<ShardRow> {
  for (const file of files) {
    const shard = openTokenShard(join(work, file))
    try {
      for (let row = 0; row < shard.length; row++) yield shard.at(row)!
    } finally {
      shard.close()
    }
  }
}

/** Files that killed processes left half written. */
function removeLeftovers(work: string): void {
  for (const stage of readdirSync(work, { withFileTypes: true })) {
    if (!stage.isDirectory()) continue
    for (const name of readdirSync(join(work, stage.name)))
      if (name.endsWith('.part') || name.endsWith('.beat')) rmSync(join(work, stage.name, name), { force: true })
  }
}
