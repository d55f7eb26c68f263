/**
 * Evaluates the embedded model, and any other Hugging Face folder, on Chinese medical benchmarks: every column of the paper's
 * Tables 4, 5 and 6 with intervals, and how long it took.
 *
 *   npm run example -- evaluate                            the embedded model, and Gemma 3 270M if models/gemma-3-270m is there
 *   npm run example -- evaluate --model FOLDER --rows 20   another model, fewer rows of each task
 *
 * Reads the benchmarks in ../shared/data; without them it evaluates the embedded model on the invented exam beside it. Stopped with
 * Ctrl-C, it goes on at the next start.
 */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
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
  markdownTables,
  type Task,
  writeReport,
} from '@qilin-med/metrics/benchmarks'
import { loadModel } from '@qilin-med/models'
import { loadTokenizer } from '@qilin-med/models/tokenizer'
import type { Runtime } from '@qilin-med/tensor'
import { nodeRuntime } from '@qilin-med/tensor/node'
import { type CountedModel, evaluatedModel } from './language-model'

const miniModel = fileURLToPath(new URL('../../models/mini', import.meta.url))
const miniExam = fileURLToPath(new URL('../../data/mini-chimed/cmexam/test.csv', import.meta.url))

interface Options {
  readonly models: readonly string[]
  readonly data: string
  readonly out: string
  /** Rows of each task, of each subject in CMMLU. */
  readonly rows: number
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', multiple: true },
      data: { type: 'string', default: '../shared/data' },
      out: { type: 'string', default: 'out/evaluate' },
      rows: { type: 'string', default: '200' },
    },
  })
  const rows = Number(values.rows)
  if (!Number.isInteger(rows) || rows < 1)
    throw new RangeError(`evaluate: --rows must be a whole number above 0, got '${values.rows}'. Correct it.`)
  const usual = [miniModel, 'models/gemma-3-270m'].filter((folder) => existsSync(join(folder, 'config.json')))
  return { models: values.model ?? usual, data: values.data, out: values.out, rows }
}

/** Real benchmarks where the data are, in the model's own way: examples only if its context holds them. */
function tasksFor(context: number, { data, rows }: Options): Task[] {
  if (!existsSync(join(data, 'qa/cmexam_val.jsonl.gz')))
    return [cmexam({ data: miniExam, limit: rows, scoring: 'options', explanations: true })]
  const shots = context >= 2048 ? 5 : 0
  return [
    cmexam({
      data: join(data, 'qa/cmexam_val.jsonl.gz'),
      limit: rows,
      scoring: 'options',
      explanations: true,
      explanationTokens: 96,
    }),
    ceval({ data: join(data, 'eval/ceval'), subjects: cevalMedical, shots, limit: rows }),
    cmmlu({ data: join(data, 'eval/cmmlu'), shots, limit: Math.ceil(rows / 10) }),
    huatuo26m({ data: join(data, 'qa/huatuo26m_test.jsonl.gz'), limit: rows, maxTokens: 96, stop: ['\n'] }),
  ]
}

async function evaluateModel(
  folder: string,
  options: Options,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<EvaluationResult> {
  const model = await loadModel(folder, { runtime })
  const tokenizer = await loadTokenizer(folder)
  await using counted = evaluatedModel(model, tokenizer, {
    name: basename(folder),
    identity: await weightsDigest(folder),
  })
  const start = performance.now()
  const result = await evaluate({
    model: counted,
    tasks: tasksFor(model.config.maxPositions, options),
    cache: join(options.out, 'cache', basename(folder)),
    signal,
    onProgress: ({ task, done, total }) => process.stderr.write(`\r${counted.name} ${task} ${done}/${total}   `),
  })
  process.stderr.write('\n')
  console.log(workLine(counted, (performance.now() - start) / 1000))
  return result
}

/** Tells checkpoints of one name apart, so that answers of other weights are never taken from the cache. */
async function weightsDigest(folder: string): Promise<string> {
  const hash = createHash('sha256')
  const files = (await readdir(folder)).filter((name) => name.endsWith('.safetensors') || name === 'tokenizer.json')
  for (const name of files.sort()) await pipeline(createReadStream(join(folder, name)), hash, { end: false })
  return hash.digest('hex')
}

/** Time and tokens, and what sharing the prompt among options saved. */
function workLine({ name, work }: CountedModel, seconds: number): string {
  const { scored, scoredAlone, generated, cut } = work
  const saved = scored > 0 ? `, ${(scoredAlone / scored).toFixed(1)} times fewer than one option at a time` : ''
  const rate = ((scored + generated) / seconds).toFixed(0)
  const shortened = cut > 0 ? `; ${cut} prompts lost their beginning to the context` : ''
  return `${name}: ${seconds.toFixed(0)} s, ${scored} tokens scored${saved}, ${generated} written, ${rate} tokens/s${shortened}`
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
