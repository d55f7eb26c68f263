import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { z } from 'zod'
import type { BuildOptions } from '../build'
import { scriptConverter } from '../clean/normalise'
import { quality } from '../clean/quality'
import { safety } from '../clean/safety'
import { maskPersonal, normalise, script } from '../clean/steps'
import * as dedup from '../dedup'
import { decontaminate } from '../dedup/decontaminate'
import { ChimedError } from '../errors'
import { plainFormat, qilinFormat } from '../format/template'
import * as sources from '../sources'
import type { Source } from '../sources/source'
import type { Step } from '../step'
import type { TestSet } from '../tests'
import * as tests from '../tests'
import type { ChatTokenizer, Conversation, CptText, PreferencePair, Tokenizer } from '../types'
import { fileSource } from './file-source'
import { loadTokenizer } from './tokenizer'

const split = z.enum(['train', 'validation', 'test'])
const common = {
  path: z.string(),
  name: z.string().optional(),
  split: split.optional(),
  limit: z.int().positive().optional(),
}

/** A source of the config: its own options beside those all sources take. */
const source = <Name extends string, Own extends z.ZodRawShape>(name: Name, own: Own) =>
  z.strictObject({ source: z.literal(name), ...common, ...own })

const dialogueSources = [
  source('chineseMedicalDialogue', { prompt: z.enum(['title+question', 'question', 'department']).optional() }),
  source('medicalDialogueSystem', { description: z.boolean().optional() }),
  source('cmd', { description: z.boolean().optional() }),
  source('conversations', {}),
  source('file', {}),
] as const
const cptSource = z.discriminatedUnion('source', [
  source('huatuoEncyclopedia', { questions: z.enum(['first', 'all']).optional() }),
  source('huatuoKnowledge', { questions: z.enum(['first', 'all']).optional() }),
  source('cmexam', { form: z.enum(['answer', 'explanation', 'answer+explanation']).optional() }),
  source('medqaTextbooks', { gather: z.int().min(0).optional() }),
  source('cpubmedKg', { group: z.enum(['triple', 'head']).optional() }),
  source('xywyKg', {}),
  source('health39Kg', {}),
  ...dialogueSources,
])
const template = z.literal([1, 2, 3, 4, 5, 6])
const sftSource = z.discriminatedUnion('source', [
  source('cmexamExplanation', {
    template: template.optional(),
    multipleAnswers: z.enum(['joined', 'empty']).optional(),
  }),
  source('hc3Chinese', { answers: z.enum(['chatgpt', 'human']).optional() }),
  source('instructChat', {}),
  source('schoolMath', {}),
  source('alpacaGpt4Zh', {}),
  source('train1mCn', {}),
  source('train2mCn', {}),
  source('train35mCn', {}),
  source('multiturnChat', {}),
  source('safetyPrompts', {}),
  ...dialogueSources,
])
const dpoSource = z.discriminatedUnion('source', [
  source('medicalgptReward', {}),
  source('zhongjingRlhf', {
    pairs: z.enum(['best-worst', 'adjacent', 'all']).optional(),
    minGap: z.number().optional(),
  }),
  source('file', {}),
])

const share = z.number().min(0).max(1)
const length = z.int().positive()
const firstOrLongest = z.enum(['first', 'longest'])
const keep = z
  .union([firstOrLongest, z.strictObject({ sources: z.array(z.string()), within: firstOrLongest.optional() })])
  .optional()
const step = z.discriminatedUnion('step', [
  z.strictObject({
    step: z.literal('normalise'),
    form: z.enum(['NFC', 'NFKC']).optional(),
    halfWidth: z.boolean().optional(),
    boilerplate: z.boolean().optional(),
    trimLines: z.boolean().optional(),
  }),
  z.strictObject({ step: z.literal('script'), to: z.enum(['simplified', 'traditional']) }),
  z.strictObject({ step: z.literal('maskPersonal') }),
  z.strictObject({ step: z.literal('safety') }),
  z.strictObject({
    step: z.literal('quality'),
    minLength: z.int().min(0).optional(),
    maxLength: length.optional(),
    minChinese: share.optional(),
    maxSymbols: share.optional(),
    maxRepetition: share.optional(),
    maxRepeatedLines: share.optional(),
  }),
  z.strictObject({
    step: z.literal('dedup.exact'),
    keep,
    ignorePunctuation: z.boolean().optional(),
    report: z.int().min(0).optional(),
  }),
  z.strictObject({
    step: z.literal('dedup.minhash'),
    keep,
    scope: z.enum(['everywhere', 'within-sources', 'across-sources']).optional(),
    threads: z.int().positive().optional(),
    threshold: share.optional(),
    recall: share.optional(),
    permutations: z.int().positive().multipleOf(16).optional(),
    n: length.optional(),
    seed: z.int().optional(),
    verify: z.enum(['jaccard', 'edit', 'estimate', 'none']).optional(),
    report: z.int().min(0).optional(),
  }),
  z.strictObject({
    step: z.literal('dedup.substring'),
    minBytes: length.optional(),
    minTokens: length.optional(),
    keep: z.enum(['none', 'first']).optional(),
    passes: length.optional(),
  }),
  z.strictObject({
    step: z.literal('decontaminate'),
    n: length.optional(),
    share: share.optional(),
    minLength: length.optional(),
    minhash: share.optional(),
  }),
])
const test = z.strictObject({
  test: z.enum(['cmexam', 'ceval', 'cmmlu', 'huatuo26m']),
  path: z.string(),
  name: z.string().optional(),
})

/** The keys of a config file. Paths are relative to the folder of the file. */
export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  out: z.string(),
  cpt: z.array(cptSource).optional(),
  sft: z.array(sftSource).optional(),
  dpo: z.array(dpoSource).optional(),
  steps: z.array(step).optional(),
  tests: z.array(test).optional(),
  split: z.strictObject({ validation: share.optional(), seed: z.int().optional() }).optional(),
  format: z.enum(['trl', 'qilin']).optional(),
  dropped: z.boolean().optional(),
  tokenizer: z.string().optional(),
  tokens: z
    .strictObject({
      cpt: z
        .strictObject({
          blockSize: length,
          separator: z.enum(['eos', 'newline', 'none']).optional(),
          packing: z.enum(['wrapped', 'qilin', 'bfd', 'bfd_split']).optional(),
        })
        .optional(),
      sft: z
        .strictObject({
          maxLength: length,
          packing: z.enum(['wrapped', 'qilin', 'bfd', 'bfd_split']).optional(),
          prompts: z.enum(['chat', 'qilin', 'plain']).optional(),
        })
        .optional(),
      dpo: z.strictObject({ maxLength: length.optional(), prompts: z.enum(['chat', 'plain']).optional() }).optional(),
      shardTokens: length.optional(),
    })
    .optional(),
})

/** A config file, checked. */
export type Config = z.infer<typeof configSchema>

/** A config file as options of a build. */
export interface ReadConfig {
  readonly options: BuildOptions & { readonly out: string }
  /** Paths in the file are relative to this. */
  readonly folder: string
}

/**
 * Reads a config file.
 *
 * @throws ChimedError `file-missing`, `file-format`; `option` that names the file and every key that is unknown or wrong
 */
export async function readConfig(path: string): Promise<ReadConfig> {
  const config = parseConfig(path)
  const folder = dirname(resolve(path))
  const at = (name: string): string => (isAbsolute(name) ? name : join(folder, name))
  const tokenizer = config.tokenizer === undefined ? undefined : await loadTokenizer(config.tokenizer, folder)
  const testSets = (config.tests ?? []).map((one) => testOf(one.test, at(one.path), one.name))
  return {
    folder,
    options: {
      out: at(config.out),
      cpt: config.cpt?.map((one) => sourceOf(one, 'cpt', at) as Source<CptText | Conversation>),
      sft: config.sft?.map((one) => sourceOf(one, 'sft', at) as Source<Conversation>),
      dpo: config.dpo?.map((one) => sourceOf(one, 'dpo', at) as Source<PreferencePair>),
      steps: await Promise.all((config.steps ?? []).map((one) => stepOf(one, { tests: testSets, tokenizer }))),
      tests: testSets,
      split: config.split,
      format: config.format,
      dropped: config.dropped,
      tokenizer,
      tokens: tokensOf(config.tokens, tokenizer),
    },
  }
}

function parseConfig(path: string): Config {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code !== undefined
    throw new ChimedError(
      missing ? 'file-missing' : 'file-format',
      `chimed: expected a config file in JSON, got ${missing ? 'nothing readable' : (cause as Error).message} at ${path}. ${missing ? 'Check the path' : 'Mend the file'}.`,
      { path, cause },
    )
  }
  const parsed = configSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.flatMap((issue) => faultsOf(issue))
  throw new ChimedError(
    'option',
    `chimed: ${path}: expected known keys with fitting values, got ${faults.join('; ')}. Correct the file.`,
    { path },
  )
}

/** What is wrong, with the keys that lead there: `cpt[0].paht: unknown key`. */
function faultsOf(issue: z.core.$ZodIssue): string[] {
  const at = issue.path.reduce<string>(
    (path, key) => (typeof key === 'number' ? `${path}[${key}]` : path === '' ? String(key) : `${path}.${String(key)}`),
    '',
  )
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => `${at === '' ? key : `${at}.${key}`}: unknown key`)
  return [`${at === '' ? 'the whole file' : at}: ${issue.message}`]
}

const sourceMakers = { ...sources } as Readonly<Record<string, (path: string, options: object) => Source>>
const testMakers = { ...tests } as unknown as Readonly<Record<string, (path: string, options: object) => TestSet>>

type SourceConfig = z.infer<typeof cptSource> | z.infer<typeof sftSource> | z.infer<typeof dpoSource>

function sourceOf(
  { source: kind, path, ...options }: SourceConfig,
  corpus: 'cpt' | 'sft' | 'dpo',
  at: (path: string) => string,
): Source {
  if (kind === 'file') return fileSource(corpus, at(path), options)
  return sourceMakers[kind]!(at(path), options)
}

/** A test set by its kind. */
export function testOf(kind: 'cmexam' | 'ceval' | 'cmmlu' | 'huatuo26m', path: string, name?: string): TestSet {
  const set = testMakers[kind]!(path, name === undefined ? {} : { name })
  return name === undefined ? set : { ...set, name }
}

type StepConfig = z.infer<typeof step>

async function stepOf(
  { step: kind, ...options }: StepConfig,
  { tests: against, tokenizer }: { readonly tests: readonly TestSet[]; readonly tokenizer: Tokenizer | undefined },
): Promise<Step> {
  const makers: { readonly [K in StepConfig['step']]: (options: never) => Step | Promise<Step> } = {
    normalise,
    maskPersonal: () => maskPersonal(),
    safety: () => safety(),
    quality,
    script: async ({ to }: { to: 'simplified' | 'traditional' }) => script(await scriptConverter(to)),
    'dedup.exact': dedup.exact,
    'dedup.minhash': dedup.minhash,
    'dedup.substring': (given: object) => dedup.substring({ ...given, tokenizer }),
    decontaminate: (given: object) => {
      if (against.length === 0)
        throw new ChimedError(
          'option',
          'chimed: expected test sets in tests for the step decontaminate, got none. Name them.',
        )
      return decontaminate({ ...given, against })
    },
  }
  return makers[kind](options as never)
}

function tokensOf(tokens: Config['tokens'], tokenizer: Tokenizer | ChatTokenizer | undefined): BuildOptions['tokens'] {
  if (!tokens) return undefined
  if (!tokenizer)
    throw new ChimedError('option', 'chimed: expected a tokenizer for tokens, got none. Name a folder as tokenizer.')
  const { sft, dpo } = tokens
  return {
    cpt: tokens.cpt,
    sft: sft && { maxLength: sft.maxLength, packing: sft.packing, format: sftFormat(sft, tokenizer) },
    dpo: dpo && {
      maxLength: dpo.maxLength,
      prompt: dpo.prompts === 'plain' ? ({ prompt }) => `${prompt}\n` : undefined,
    },
    shardTokens: tokens.shardTokens,
  }
}

function sftFormat(
  { prompts = 'chat', maxLength }: NonNullable<NonNullable<Config['tokens']>['sft']>,
  tokenizer: Tokenizer,
) {
  if (prompts === 'plain') return plainFormat({ tokenizer, maxLength, prompt: ({ content }) => `${content}\n` })
  if (prompts === 'qilin')
    return qilinFormat({ tokenizer, maxSource: Math.floor(maxLength / 2), maxTarget: Math.ceil(maxLength / 2) })
  return undefined
}
