import { type ChildProcess, spawn } from 'node:child_process'
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { evaluate } from './evaluate'
import type { EvaluatedModel } from './model'
import { openAnswers } from './tasks/open-answers'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qilin-metrics-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const questions = Array.from({ length: 40 }, (_, i) => ({ id: `${i}`, question: `问题${i}`, reference: `答案${i}` }))
const task = () => openAnswers('open', 'Open', { data: questions })

/** Answers two requests a call, and notes each in a file. */
const model = (asked: string, pauseMs: number): EvaluatedModel => ({
  name: 'slow',
  batchSize: 2,
  generate: async (requests) => {
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    for (const { id } of requests) await appendFile(asked, `${id}\n`)
    return requests.map(({ id }) => `关于${id}的回答`)
  },
})

/** A program that evaluates the same with the same cache, slowly. */
const program = (asked: string, cache: string): string => `
import { appendFile } from 'node:fs/promises'
import { evaluate, openAnswers } from ${JSON.stringify(fileURLToPath(new URL('../benchmarks.ts', import.meta.url)))}
const questions = ${JSON.stringify(questions)}
const generate = async (requests) => {
  await new Promise((resolve) => setTimeout(resolve, 30))
  for (const { id } of requests) await appendFile(${JSON.stringify(asked)}, id + '\\n')
  return requests.map(({ id }) => '关于' + id + '的回答')
}
await evaluate({
  model: { name: 'slow', batchSize: 2, generate },
  tasks: [openAnswers('open', 'Open', { data: questions })],
  cache: ${JSON.stringify(cache)},
  onProgress: ({ done }) => console.log(done),
})
`

/** Kills the process with SIGKILL as soon as it says that six answers are there. */
const killed = (child: ChildProcess): Promise<NodeJS.Signals | null> =>
  new Promise((resolve, reject) => {
    let errors = ''
    child.stderr!.on('data', (text) => {
      errors += text
    })
    child.stdout!.on('data', (text: Buffer) => {
      if (
        text
          .toString()
          .split('\n')
          .some((line) => Number(line) >= 6)
      )
        child.kill('SIGKILL')
    })
    child.on('exit', (_, signal) => (signal ? resolve(signal) : reject(new Error(errors))))
  })

it('goes on after SIGKILL: what was answered is not asked again, and the result is that of an unbroken run', async () => {
  const [asked, cache, file] = [join(folder, 'asked'), join(folder, 'cache'), join(folder, 'run.mts')]
  await writeFile(file, program(asked, cache))
  const child = spawn(process.execPath, ['--import', 'tsx', '-C', 'source', file], {
    cwd: fileURLToPath(new URL('../../../..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  expect(await killed(child)).toBe('SIGKILL')
  const before = (await readFile(asked, 'utf8')).trim().split('\n')
  expect(before.length).toBeLessThan(questions.length)
  const resumed = await evaluate({ model: model(asked, 0), tasks: [task()], cache })
  expect(resumed).toEqual(await evaluate({ model: model(join(folder, 'other'), 0), tasks: [task()] }))
  const all = (await readFile(asked, 'utf8')).trim().split('\n')
  // Only the batch that was under way when the process died may be asked twice.
  expect(all.length).toBeLessThanOrEqual(questions.length + 2)
  expect(new Set(all).size).toBe(questions.length)
}, 30_000)
