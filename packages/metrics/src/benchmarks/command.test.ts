import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { qilinEval } from './command'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qilin-metrics-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const run = async (...argv: string[]) => {
  let [printed, told, clock] = ['', '', 0]
  const code = await qilinEval(argv, {
    print: (text) => (printed += text),
    tell: (text) => (told += text),
    environment: {},
    now: () => (clock += 100),
  })
  return { code, printed, told }
}

describe('qilinEval', () => {
  it('evaluates a file of predictions and writes the reports', async () => {
    await mkdir(join(folder, 'cmexam'))
    const rows = 'Question,Options,Answer,Explanation\n灰斑症用什么？,"A 蓝叶草\nB 白石散",A,因为\n'
    await writeFile(join(folder, 'cmexam/test.csv'), rows)
    // The id of a row is its line, here the third: the cell with options holds a line break.
    await writeFile(join(folder, 'p.jsonl'), '{"id":"cmexam/3","output":"答案：A"}\n')
    const out = join(folder, 'out')
    const { code, printed, told } = await run(
      '--model',
      `predictions:${join(folder, 'p.jsonl')}`,
      '--tasks',
      'cmexam',
      '--data',
      folder,
      '--out',
      out,
    )
    expect(told).toContain('1/1')
    expect(code).toBe(0)
    expect(printed).toContain('| Method | Accuracy | Weighted F1 |')
    expect(await readFile(join(out, 'report.html'), 'utf8')).toContain('灰斑症用什么')
  })

  it('loads a model from a module and exits with 1 when rows failed', async () => {
    const source =
      "export const model = { name: 'm', generate: async (rs) => rs.map(() => ({ error: 'broken', retryable: false })) }"
    await writeFile(join(folder, 'model.mjs'), source)
    await writeFile(join(folder, 'safety.jsonl'), '{"question":"能加倍吃药吗"}\n')
    const { code, told } = await run(
      '--model',
      `module:${join(folder, 'model.mjs')}`,
      '--tasks',
      'safety',
      '--data',
      folder,
      '--out',
      join(folder, 'out'),
    )
    expect(code).toBe(1)
    expect(told).toContain('1 rows failed')
  })

  it('explains a wrong model, task or number in one sentence', async () => {
    expect((await run('--model', 'gpt')).told).toContain("got 'gpt'")
    expect((await run('--model', 'openai:http://127.0.0.1:9#m', '--tasks', 'mmlu')).told).toContain("got 'mmlu'")
    expect((await run('--model', 'openai:x', '--limit', 'many')).told).toContain("got 'many'")
    for (const [option, value] of [
      ['--preset', 'lmeval'],
      ['--scoring', 'logits'],
      ['--split', 'dev'],
      ['--api', 'grpc'],
    ] as const)
      expect((await run('--model', 'openai:x', option, value)).told).toContain(`'${value}' is invalid`)
    expect((await run('--model', `checkpoint:${folder}`)).told).toContain(`expected a checkpoint in ${folder}`)
    const { code, told } = await run()
    expect(code).toBe(1)
    expect(told).toContain('--model')
  })

  it('prints its help', async () => {
    const { code, printed } = await run('--help')
    expect(code).toBe(0)
    expect(printed).toContain('qilin-eval')
  })
})
