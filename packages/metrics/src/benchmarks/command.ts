import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Command, CommanderError, Option } from 'commander'
import { MetricsError } from '../errors'
import { loadJieba } from '../segment/jieba'
import { evaluate } from './evaluate'
import type { EvaluatedModel } from './model'
import { type LocalModel, type LocalTokenizer, languageModel, weightsDigest } from './models/language-model'
import { openaiModel } from './models/openai'
import { pipelineModel, type TextGenerationPipeline } from './models/pipeline'
import { predictionsModel } from './models/predictions'
import { progressLine } from './progress'
import type { CevalPreset } from './prompts/ceval'
import { cevalMedical } from './prompts/ceval-subjects'
import type { CmexamPreset } from './prompts/cmexam'
import type { CmmluPreset } from './prompts/cmmlu'
import { markdownTables } from './report/markdown'
import { writeReport } from './report/write'
import type { EvaluationResult, Task } from './result'
import { ceval } from './tasks/ceval'
import { type ChoiceScoring, choiceScorings } from './tasks/choice'
import { cmexam } from './tasks/cmexam'
import { cmmlu } from './tasks/cmmlu'
import { huatuo26m } from './tasks/open-answers'
import { preferences } from './tasks/preferences'
import { safety } from './tasks/safety'

/** What the command touches outside itself. */
export interface CommandSurroundings {
  /** Receives the tables. */
  print(text: string): void
  /** Receives progress and errors; a line that begins with `\r` replaces the one before. */
  tell(text: string): void
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly signal?: AbortSignal
  /** Milliseconds of a clock that only goes forward. */
  now(): number
}

interface CommandOptions {
  readonly model: string[]
  readonly tasks: string
  readonly data: string
  readonly out: string
  readonly cache?: string
  readonly preset?: string
  readonly scoring?: ChoiceScoring
  readonly shots?: number
  readonly limit?: number
  readonly subjects?: string
  readonly split?: 'val' | 'test'
  readonly explanations?: boolean
  readonly words?: boolean
  readonly seed: number
  readonly api: 'chat' | 'text'
  readonly echo?: boolean
}

/**
 * Runs `qilin-eval` with these arguments (without node and script) and returns its exit code: 0 when every row has a result, 1
 * when something failed.
 */
export async function qilinEval(argv: readonly string[], surroundings: CommandSurroundings): Promise<number> {
  const command = commandLine()
    .exitOverride()
    .configureOutput({ writeOut: surroundings.print, writeErr: surroundings.tell })
  try {
    command.parse(argv, { from: 'user' })
    return await run(command.opts<CommandOptions>(), surroundings)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode
    if (!(error instanceof MetricsError)) throw error
    surroundings.tell(`${error.message}\n`)
    return 1
  }
}

const collect = (value: string, list: string[] = []): string[] => [...list, value]

const wholeNumber = (value: string): number => {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 0)
    throw new MetricsError('option', `qilin-eval: expected a whole number, got '${value}'. Give digits only.`, {
      operation: 'qilin-eval',
    })
  return number
}

const presets = ['default', 'qilin-scripts', 'ceval', 'lm-eval', 'llamafactory', 'cmexam-lora'] as const

function commandLine(): Command {
  return new Command('qilin-eval')
    .description('Evaluates language models on Chinese medical benchmarks.')
    .requiredOption(
      '--model <spec>',
      'checkpoint:FOLDER (run by @qilin-med/models), openai:URL#NAME, transformers:FOLDER, predictions:FILE or module:FILE (a module that exports `model`); repeat to compare',
      collect,
    )
    .option('--tasks <names>', 'cmexam, ceval, cmmlu, huatuo, preferences, safety', 'cmexam,ceval,huatuo')
    .option('--data <folder>', 'folder with the benchmarks', '../shared/data')
    .option('--out <folder>', 'where reports go', 'out/eval')
    .option('--cache <folder>', 'where answers are kept, so that a stopped run goes on (default: <out>/cache)')
    .addOption(new Option('--preset <name>', 'whose prompts; a task without this preset uses its own').choices(presets))
    .addOption(new Option('--scoring <way>', 'how answers are chosen').choices(choiceScorings))
    .option('--shots <n>', 'worked examples before each question', wholeNumber)
    .option('--limit <n>', 'only the first n questions of each task (of each subject)', wholeNumber)
    .option('--subjects <keys>', "subjects of C-Eval; 'medical' for its three medical ones")
    .addOption(new Option('--split <name>', 'of C-Eval').choices(['val', 'test']).default('val'))
    .option('--explanations', 'ask CMExam for explanations too')
    .option('--words', 'BLEU on words of jieba instead of characters')
    .option('--seed <n>', 'seed of the bootstrap', wholeNumber, 0)
    .addOption(
      new Option('--api <kind>', 'which endpoint of an OpenAI-compatible server')
        .choices(['chat', 'text'])
        .default('chat'),
    )
    .option('--echo', 'the server returns likelihoods by echo')
}

async function run(options: CommandOptions, surroundings: CommandSurroundings): Promise<number> {
  const { print, tell, signal } = surroundings
  const models = await Promise.all(options.model.map((spec) => modelOf(spec, options, surroundings)))
  const words = options.words ? await loadJieba() : undefined
  const results: EvaluationResult[] = []
  for (const model of models) {
    const tasks = options.tasks.split(',').map((name) => taskOf(name.trim(), options, words))
    const onProgress = progressLine(model.name, surroundings)
    const cache = options.cache ?? join(options.out, 'cache')
    results.push(
      await evaluate({ model, tasks, cache, bootstrap: { seed: options.seed }, onProgress, ...(signal && { signal }) }),
    )
    tell('\n')
  }
  print(`${markdownTables(results)}\n`)
  const { html, json, markdown, submissions } = await writeReport(options.out, results, { title: 'qilin-eval' })
  tell(`Written: ${[html, markdown, ...json, ...submissions].join(', ')}\n`)
  const failed = results.flatMap(({ tasks }) => tasks).reduce((sum, task) => sum + task.failed, 0)
  if (failed > 0) tell(`${failed} rows failed and are in no measure; run again to ask them once more.\n`)
  return failed > 0 ? 1 : 0
}

async function modelOf(
  spec: string,
  options: CommandOptions,
  { environment }: CommandSurroundings,
): Promise<EvaluatedModel> {
  const [, kind, target] = /^([a-z]+):(.+)$/s.exec(spec) ?? []
  switch (kind) {
    case 'openai': {
      const [baseUrl, model = 'default'] = target!.split('#') as [string, string?]
      const apiKey = environment.QILIN_EVAL_API_KEY
      return openaiModel({
        baseUrl,
        model,
        api: options.api,
        echo: options.echo === true,
        ...(apiKey !== undefined && { apiKey }),
      })
    }
    case 'checkpoint':
      return loadCheckpoint(resolve(target!))
    case 'predictions':
      return predictionsModel(target!)
    case 'transformers':
      return pipelineModel(await loadPipeline(target!), { name: target! })
    case 'module':
      return loadModule(resolve(target!))
    default:
      throw new MetricsError(
        'option',
        `qilin-eval: expected --model as checkpoint:, openai:, transformers:, predictions: or module:, got '${spec}'. Put the kind in front.`,
        { operation: 'qilin-eval' },
      )
  }
}

/** An optional package. Its name stays out of the compiler's sight: it is installed by those who want it. */
async function optional<T>(name: string): Promise<T> {
  try {
    return (await import(name)) as T
  } catch (cause) {
    throw new MetricsError('dependency', `qilin-eval: expected ${name}, got ${String(cause)}. Install it.`, {
      operation: 'qilin-eval',
      cause,
    })
  }
}

async function loadCheckpoint(folder: string): Promise<EvaluatedModel> {
  interface Loaded extends LocalModel {
    readonly config: { readonly maxPositions: number }
  }
  const { loadModel, loadTokenizer } = await optional<{
    loadModel: (folder: string, options: object) => Promise<Loaded>
    loadTokenizer: (folder: string) => Promise<LocalTokenizer>
  }>('@qilin-med/models')
  const { nodeRuntime } = await optional<{ nodeRuntime: () => Promise<unknown> }>('@qilin-med/tensor/node')
  try {
    const tokenizer = await loadTokenizer(folder)
    const model = await loadModel(folder, { runtime: await nodeRuntime(), tokenizer })
    const identity = await weightsDigest(folder)
    return languageModel(model, { tokenizer, name: basename(folder), identity, context: model.config.maxPositions })
  } catch (cause) {
    throw new MetricsError('model', `qilin-eval: expected a checkpoint in ${folder}, got: ${messageOf(cause)}`, {
      path: folder,
      cause,
    })
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

async function loadPipeline(folder: string): Promise<TextGenerationPipeline> {
  const { env, pipeline } = await optional<{
    env: { allowRemoteModels: boolean; localModelPath: string }
    pipeline: (task: string, model: string) => Promise<TextGenerationPipeline>
  }>('@xenova/transformers')
  env.allowRemoteModels = false
  return pipeline('text-generation', resolve(folder)).catch((cause: unknown) => {
    throw new MetricsError('model', `qilin-eval: expected a model in ${folder}, got: ${messageOf(cause)}`, {
      path: folder,
      cause,
    })
  })
}

async function loadModule(path: string): Promise<EvaluatedModel> {
  const { model } = (await import(pathToFileURL(path).href).catch((cause: unknown) => {
    throw new MetricsError(
      'dependency',
      `qilin-eval: expected a module in ${path}, got ${String(cause)}. Check the path.`,
      { path, cause },
    )
  })) as { model?: EvaluatedModel | (() => Promise<EvaluatedModel>) }
  if (model === undefined)
    throw new MetricsError('model', `qilin-eval: expected ${path} to export 'model', got no such export. Export one.`, {
      path,
    })
  return typeof model === 'function' ? model() : model
}

/** The first of the names that exists below the data folder; the first where none does, which reading then reports. */
const fileOf = (folder: string, ...names: readonly string[]): string =>
  names.map((name) => join(folder, name)).find((path) => existsSync(path)) ?? join(folder, names[0]!)

function taskOf(name: string, options: CommandOptions, words: Awaited<ReturnType<typeof loadJieba>> | undefined): Task {
  const { data, scoring, shots, limit, preset } = options
  const shared = {
    ...(scoring && { scoring }),
    ...(shots !== undefined && { shots }),
    ...(limit !== undefined && { limit }),
  }
  const bleu = words === undefined ? {} : { bleuTokens: words }
  const known = <P extends string>(...presets: readonly P[]): { preset?: P } =>
    presets.includes(preset as P) ? { preset: preset as P } : {}
  switch (name) {
    case 'cmexam':
      return cmexam({
        data: fileOf(data, 'cmexam/test.csv', 'qa/cmexam_test.csv', 'qa/cmexam_val.jsonl.gz'),
        ...shared,
        ...bleu,
        ...known<CmexamPreset>('default', 'qilin-scripts', 'cmexam-lora'),
        explanations: options.explanations === true,
      })
    case 'ceval': {
      const subjects = options.subjects === 'medical' ? cevalMedical : options.subjects?.split(',')
      return ceval({
        data: fileOf(data, 'ceval', 'eval/ceval'),
        ...shared,
        ...known<CevalPreset>('default', 'ceval', 'qilin-scripts', 'lm-eval', 'llamafactory'),
        ...(subjects && { subjects }),
        ...(options.split && { split: options.split }),
      })
    }
    case 'cmmlu':
      return cmmlu({
        data: fileOf(data, 'cmmlu', 'eval/cmmlu'),
        ...shared,
        ...known<CmmluPreset>('default', 'lm-eval'),
      })
    case 'huatuo':
      return huatuo26m({
        data: fileOf(data, 'huatuo26m/test.jsonl', 'qa/huatuo26m_test.jsonl.gz'),
        ...bleu,
        ...(limit !== undefined && { limit }),
      })
    case 'preferences':
      return preferences({
        data: fileOf(data, 'preferences.jsonl', 'preference/medicalgpt_medical_reward.jsonl'),
        ...(limit !== undefined && { limit }),
      })
    case 'safety':
      return safety({ data: fileOf(data, 'safety.jsonl'), ...(limit !== undefined && { limit }) })
    default:
      throw new MetricsError(
        'option',
        `qilin-eval: expected tasks of cmexam, ceval, cmmlu, huatuo, preferences and safety, got '${name}'. Separate them by commas.`,
        { operation: 'qilin-eval' },
      )
  }
}
