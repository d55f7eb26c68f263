/** `npm run example -- NAME [arguments]`: runs one example; without a name lists them. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const examples: Readonly<Record<string, readonly [file: string, about: string]>> = {
  '01-gradient': ['01-gradient.ts', 'a loss, its gradient, and a program for any batch size'],
  '02-loss-of-your-own': ['02-loss-of-your-own.ts', 'DPO with a margin, trained with LoRA on the embedded model'],
  '03-generate': [
    '03-generate.ts',
    'answers of the embedded model, token by token, with and without what it looked up',
  ],
  '04-worker': ['04-worker.ts', 'training in a worker thread while the main thread ticks'],
  '05-browser': ['browser/main.ts', 'a page that follows gradients on WebAssembly and WebGPU'],
  '06-transformers-js': ['06-transformers-js.ts', 'the embedded model as ONNX files that Transformers.js answers from'],
  'qilin-med': ['qilin-med/main.ts', 'the whole pipeline (npm start)'],
  'chimed-scale': [
    'chimed-scale/main.ts',
    "a synthetic ChiMed of the paper's size (or a fraction) through the sharded pipeline, against known truth",
  ],
  evaluate: ['evaluate/main.ts', 'CMExam, C-Eval, CMMLU and Huatuo-26M on the embedded model or any folder'],
  'chimed-real': [
    'chimed-real/main.ts',
    'ChiMed-small from real data: tables, duplicates, report, data card, Parquet shards',
  ],
  'make-world': ['world/make-world.ts', 'writes the embedded raw files again'],
  pretrain: ['mini-model/pretrain.ts', 'trains the embedded base model from scratch (about twenty minutes)'],
}

const [name, ...args] = process.argv.slice(2)
const example = name === undefined ? undefined : examples[name]
if (!example) {
  const width = Math.max(...Object.keys(examples).map((key) => key.length))
  const list = Object.entries(examples).map(([key, [, about]]) => `  ${key.padEnd(width)}  ${about}`)
  process.stderr.write(
    `${name === undefined ? 'Examples:' : `example: expected one of these, got '${name}'.`}\n${list.join('\n')}\n`,
  )
  process.exit(name === undefined ? 0 : 1)
}
const file = fileURLToPath(new URL(example[0], import.meta.url))
const { status } = spawnSync(process.execPath, ['--import', 'tsx', '-C', 'source', file, ...args], { stdio: 'inherit' })
process.exit(status ?? 1)
