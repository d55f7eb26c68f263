import { asText, type BuildOptions } from '../build'
import { ChimedError } from '../errors'
import type { Corpus } from '../record'
import type { Source } from '../sources/source'
import type { PreparedPart, Step } from '../step'
import { tokenizerFingerprint } from '../tokenizer-fingerprint'
import type { PartStep } from './pass'
import type { ShardedStep } from './sharded-step'

/** Corpora by the numbers they have in files. */
export const corpora: readonly Corpus[] = ['cpt', 'sft', 'dpo']

/** How the work is cut. The results do not depend on it. */
export interface CutOptions {
  /** A part is closed when it holds this many bytes (default 32 MiB): memory of a task is a few times as much. */
  readonly partBytes?: number | undefined
  /** Buckets of a shuffle (default 64): memory of a task is the entries of all records over this number. */
  readonly buckets?: number | undefined
}

/** A file that one task reads. */
export interface Input {
  readonly source: Source
  /** Undefined: all files of the source. */
  readonly file: string | undefined
  readonly corpus: number
  /** Number of the source among all of them. */
  readonly number: number
}

/** Steps that run over records one by one, behind a step that compares them (absent before the first such one). */
export interface Segment {
  readonly compares: (Step & { readonly sharded: ShardedStep }) | undefined
  readonly rows: readonly ReadyStep[]
}

/** A step that looks at one record at a time. */
export interface ReadyStep {
  readonly name: string
  /** What its outcome depends on, as plain data. */
  readonly key: unknown
  part(): PartStep
}

/** A build, taken apart for shards. */
export interface Plan {
  readonly options: BuildOptions
  readonly inputs: readonly Input[]
  readonly segments: readonly Segment[]
  readonly partBytes: number
  readonly buckets: number
  /** What the last pass depends on, as plain data. */
  readonly finalKey: unknown
}

/**
 * Takes a build apart: which files are read, and the steps between its shuffles.
 *
 * @throws ChimedError `option` without any source, or for a step that can only look at all records at once
 */
export async function planBuild(
  options: BuildOptions,
  { partBytes = 1 << 25, buckets = 64 }: CutOptions = {},
): Promise<Plan> {
  const sources = [(options.cpt ?? []).map(asText), options.sft ?? [], options.dpo ?? []]
  if (sources.every(({ length }) => length === 0))
    throw new ChimedError('option', 'runShard: expected sources in cpt, sft or dpo, got none. Name at least one.')
  let number = 0
  const inputs = sources.flatMap((list, corpus) =>
    (list as readonly Source[]).flatMap((source) => {
      const files = source.byFile === true ? source.files() : [undefined]
      const own = number++
      return files.map((file) => ({ source, file, corpus, number: own }))
    }),
  )
  const { split = { validation: 0 }, format = 'trl', tokenizer, tokens } = options
  return {
    options,
    inputs,
    segments: await segmentsOf(options.steps ?? []),
    partBytes,
    buckets,
    finalKey: {
      split,
      format,
      tokenizer: tokenizer && tokenizerFingerprint(tokenizer),
      tokens: tokens && plain(tokens),
    },
  }
}

async function segmentsOf(steps: readonly Step[]): Promise<Segment[]> {
  const segments: { compares: Segment['compares']; rows: ReadyStep[] }[] = [{ compares: undefined, rows: [] }]
  for (const step of steps) {
    if (step.sharded) segments.push({ compares: { ...step, sharded: step.sharded }, rows: [] })
    else segments.at(-1)!.rows.push(await ready(step))
  }
  return segments
}

async function ready(step: Step): Promise<ReadyStep> {
  const { name, row, options } = step
  if (row) return { name, key: [name, plain(options)], part: () => ({ name, row }) }
  if (step.prepare) {
    const prepared = await step.prepare()
    const part = (): PartStep => {
      const { row: judge, counts }: PreparedPart = prepared.part()
      return { name, row: judge, counts }
    }
    return { name, key: [name, plain(options), prepared.key], part }
  }
  throw new ChimedError(
    'option',
    `runShard: expected steps with row, prepare or sharded, got ${name}, which looks at all records at once. Use build, or give the step one of them.`,
  )
}

/** Options as plain data: functions are their source text. */
export const plain = (options: unknown): unknown =>
  JSON.parse(
    JSON.stringify(options ?? null, (_key, value: unknown) =>
      typeof value === 'function' || value instanceof RegExp ? String(value) : value,
    ),
  )
