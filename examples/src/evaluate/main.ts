/**
 * Evaluates the embedded model, and any other Hugging Face folder, on Chinese medical benchmarks: every column of the paper's
 * Tables 4, 5 and 6 with intervals, and how long it took.
 *
 *   npm run example -- evaluate                            the embedded model, and Gemma 3 270M if models/gemma-3-270m is there
 *   npm run example -- evaluate --model FOLDER             other models; repeat to compare
 *   npm run example -- evaluate --weights int8             matrices in 8 bits: faster, not quite the same numbers
 *   npm run example -- evaluate --rows 20 --subject-rows 5 fewer rows of CMExam and Huatuo-26M, and of each subject
 *
 * Reads the benchmarks in ../shared/data; without them it evaluates the embedded model on the invented exam beside it. Stopped or killed,
 * it goes on at the next start with the same --out.
 */
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  ceval,
  cevalMedical,
  cmexam,
  cmmlu,
  type EvaluationResult,
  evaluate,
  huatuo26m,
  languageModel,
  markdownTables,
  progressLine,
  type Task,
  type TaskResult,
  weightsDigest,
  writeReport,
} from '@qilin-med/metrics/benchmarks'
import { loadModel, type TextWork } from '@qilin-med/models'
import { loadTokenizer } from '@qilin-med/models/tokenizer'
import type { Runtime } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'

const miniModel = fileURLToPath(new URL('../../models/mini', import.meta.url))
const miniExam = fileURLToPath(new URL('../../data/mini-chimed/cmexam/test.csv', import.meta.url))

interface Options {
  readonly models: readonly string[]
  readonly data: string
  readonly out: string
  readonly weights: 'float32' | 'int8'
  /** Rows of CMExam and of Huatuo-26M. */
  readonly rows: number
  /** Rows of each subject of C-Eval and CMMLU; all when undefined. */
  readonly subjectRows: number | undefined
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', multiple: true },
      data: { type: 'string', default: '../shared/data' },
      out: { type: 'string', default: 'out/evaluate' },
      weights: { type: 'string', default: 'float32' },
      rows: { type: 'string', default: '200' },
      'subject-rows': { type: 'string' },
    },
  })
  const { weights } = values
  if (weights !== 'float32' && weights !== 'int8')
    throw new RangeError(`evaluate: --weights must be float32 or int8, got '${weights}'. Correct it.`)
  const rows = countOf('rows', values.rows)
  const subjectRows = values['subject-rows'] === undefined ? undefined : countOf('subject-rows', values['subject-rows'])
  const usual = [miniModel, 'models/gemma-3-270m'].filter((folder) => existsSync(join(folder, 'config.json')))
  return { models: values.model ?? usual, data: values.data, out: values.out, weights, rows, subjectRows }
}

function countOf(option: string, text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count > 0) return count
  throw new RangeError(`evaluate: --${option} must be a whole number above 0, got '${text}'. Correct it.`)
}

/** Real benchmarks where the data are, in the model's own way: examples only if its context holds them. */
function tasksFor(context: number, { data, rows, subjectRows }: Options): Task[] {
  if (!existsSync(join(data, 'qa/cmexam_val.jsonl.gz')))
    return [cmexam({ data: miniExam, limit: rows, scoring: 'options', explanations: true })]
  const subjects = { shots: context >= 2048 ? 5 : 0, ...(subjectRows && { limit: subjectRows }) }
  return [
    cmexam({
      data: join(data, 'qa/cmexam_val.jsonl.gz'),
      limit: rows,
      scoring: 'options',
      explanations: true,
      explanationTokens: 96,
    }),
    ceval({ data: join(data, 'eval/ceval'), subjects: cevalMedical, ...subjects }),
    cmmlu({ data: join(data, 'eval/cmmlu'), ...subjects }),
    huatuo26m({ data: join(data, 'qa/huatuo26m_test.jsonl.gz'), limit: rows, maxTokens: 96, stop: ['\n'] }),
  ]
}

async function evaluateModel(
  folder: string,
  options: Options,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<EvaluationResult> {
  const tokenizer = await loadTokenizer(folder)
  await using model = await loadModel(folder, { runtime, tokenizer, weights: options.weights })
  const name = options.weights === 'float32' ? basename(folder) : `${basename(folder)} ${options.weights}`
  const context = model.config.maxPositions
  const identity = `${await weightsDigest(folder)} ${options.weights}`
  const evaluated = languageModel(model, { tokenizer, name, identity, context })
  const surroundings = { tell: (text: string) => void process.stderr.write(text), now: () => performance.now() }
  const tasks: TaskResult[] = []
  for (const task of tasksFor(context, options)) {
    const before: Work = { ...model.work, cut: evaluated.cutPrompts }
    const start = performance.now()
    const result = await evaluate({
      model: evaluated,
      tasks: [task],
      cache: join(options.out, 'cache', name),
      signal,
      onProgress: progressLine(name, surroundings),
    })
    process.stderr.write('\n')
    console.log(
      workLine(`${name} ${task.name}`, before, { ...model.work, cut: evaluated.cutPrompts }, performance.now() - start),
    )
    tasks.push(...result.tasks)
  }
  return { model: name, tasks }
}

/** Tokens that went through the model, and prompts that lost their beginning to its context. */
interface Work extends TextWork {
  readonly cut: number
}

/** Time and tokens between two counts, and what sharing prompts and their beginnings saved. */
function workLine(name: string, before: Work, after: Work, milliseconds: number): string {
  const grown = (key: keyof Work): number => after[key] - before[key]
  const [computed, alone, read, written] = [grown('computed'), grown('alone'), grown('read'), grown('written')]
  const scored =
    computed > 0 ? `, ${computed} tokens computed to score (each option alone: ${(alone / computed).toFixed(1)}x)` : ''
  const generated = written > 0 ? `, ${read} read and ${written} written to generate` : ''
  const rate = ((computed + read + written) / (milliseconds / 1000)).toFixed(0)
  const cut = grown('cut') > 0 ? `; ${grown('cut')} prompts lost their beginning to the context` : ''
  return `${name}: ${(milliseconds / 1000).toFixed(1)} s${scored}${generated}, ${rate} tokens/s${cut}`
}

async function main(): Promise<void> {
  const options = readOptions()
  if (!existsSync(options.data))
    console.log(`No data in ${options.data}: evaluating on the invented exam in examples/data.`)
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  await using runtime = await nodeRuntime()
  const results: EvaluationResult[] = []
  for (const folder of options.models) results.push(await evaluateModel(folder, options, runtime, stop.signal))
  console.log(`\n${markdownTables(results)}`)
  const { html } = await writeReport(options.out, results, { title: 'Evaluation' })
  console.log(`Every question and answer: ${html}`)
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
