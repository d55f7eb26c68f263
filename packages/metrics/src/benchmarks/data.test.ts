import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { evaluate } from './evaluate'
import type { EvaluatedModel } from './model'
import { predictionsModel } from './models/predictions'
import { readRows } from './read-rows'
import { ceval } from './tasks/ceval'
import { cmexam, readCmexam } from './tasks/cmexam'
import { cmmlu } from './tasks/cmmlu'
import { readOpenQuestions } from './tasks/open-answers'
import { readPreferences } from './tasks/preferences'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qilin-metrics-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const file = async (name: string, content: string | Uint8Array): Promise<string> => {
  const path = join(folder, name)
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, content)
  return path
}

describe('readRows', () => {
  it('reads CSV with a byte order mark and line breaks in cells, JSONL and packed files alike', async () => {
    const csv = await file('a.csv', '\ufeffid,text\n1,"甲\n乙"\n2,丙\n')
    expect((await readRows(csv)).map((row) => row.values)).toEqual([
      { id: '1', text: '甲\n乙' },
      { id: '2', text: '丙' },
    ])
    const packed = await file('a.jsonl.gz', gzipSync('{"id":1}\n\n{"id":2}\n'))
    expect(await readRows(packed)).toEqual([
      { line: 1, values: { id: 1 } },
      { line: 3, values: { id: 2 } },
    ])
    expect(await readRows(await file('a.json', '[{"id":1}]'))).toHaveLength(1)
  })

  it('names file and line of what it cannot read', async () => {
    await expect(readRows(join(folder, 'none.csv'))).rejects.toMatchObject({
      code: 'data',
      path: join(folder, 'none.csv'),
    })
    await expect(readRows(await file('b.jsonl', '{"id":1}\n{"id":'))).rejects.toMatchObject({ code: 'data', line: 2 })
    await expect(readRows(await file('b.csv', 'a,b\n1,2\n1,2,3\n'))).rejects.toMatchObject({ code: 'data', line: 3 })
    await expect(readRows(await file('empty.csv', 'a,b\n'))).rejects.toMatchObject({ code: 'data' })
    await expect(readRows(await file('no.json', '{}'))).rejects.toMatchObject({ code: 'data' })
    await expect(readRows(await file('cut.jsonl.gz', gzipSync('{"id":1}\n').subarray(0, 12)))).rejects.toMatchObject({
      code: 'data',
    })
  })
})

const cmexamHeader = 'Question,Options,Answer,Explanation,Disease Group,Difficulty level\n'

describe('readCmexam', () => {
  it('reads options, annotations and explanations, and reports what it leaves out', async () => {
    const rows = [
      '问一,"A 甲\nB 乙",AB,因为,灰斑症,3',
      '问二,"A 甲\nB 乙",nan,nan,,',
      '问三,"A 甲\nB 乙",E,,,',
      ',"A 甲",A,,,',
      '问五,无选项,A,,,',
    ]
    const { questions, dropped } = await readCmexam(await file('c.csv', `\ufeff${cmexamHeader}${rows.join('\n')}\n`))
    expect(questions).toEqual([
      {
        id: expect.any(String),
        question: '问一',
        options: [
          { letter: 'A', text: '甲' },
          { letter: 'B', text: '乙' },
        ],
        optionsText: 'A 甲\nB 乙',
        answer: 'AB',
        explanation: '因为',
        groups: { 'Disease Group': '灰斑症', 'Difficulty level': '3' },
      },
    ])
    expect(dropped.map(({ reason, count }) => [reason, count])).toEqual([
      ['no answer', 1],
      ['answer not among the options', 1],
      ['no question', 1],
      ['no options', 1],
    ])
  })

  it('joins options written with the two characters backslash and n', async () => {
    const row = JSON.stringify({ Question: '问', Options: 'A 甲\\nB 乙', Answer: 'B', Explanation: 'nan' })
    const { questions } = await readCmexam(await file('c.jsonl', row))
    expect(questions[0]).toMatchObject({ optionsText: 'A 甲\nB 乙', answer: 'B' })
    expect(questions[0]).not.toHaveProperty('explanation')
  })
})

describe('subject benchmarks', () => {
  const likely = (letter: string): EvaluatedModel => ({
    name: `always ${letter}`,
    score: async (rs) =>
      rs.map((r) => r.continuations.map((text) => ({ logProb: text.includes(letter) ? -1 : -2, tokens: 1 }))),
  })

  it('average C-Eval over subjects and over questions', async () => {
    const header = 'id,question,A,B,C,D,answer\n'
    await file('val/physician_val.csv', `${header}0,问一,甲,乙,丙,丁,A\n`)
    await file('val/law_val.csv', `${header}0,问一,甲,乙,丙,丁,A\n1,问二,甲,乙,丙,丁,B\n2,问三,甲,乙,丙,丁,B\n`)
    const task = ceval({ data: folder, subjects: ['physician', 'law'], shots: 0 })
    const { tasks } = await evaluate({ model: likely('A'), tasks: [task] })
    expect(tasks[0]!.measures.macroAccuracy!.value).toBeCloseTo((1 + 1 / 3) / 2, 12)
    expect(tasks[0]!.measures.accuracy!.value).toBe(0.5)
    expect(tasks[0]!.groups.category).toMatchObject({ Other: { value: 1 }, Humanities: { value: 1 / 3 } })
  })

  it('write a submission for the test split, by number of question', async () => {
    await file('test/physician_test.csv', 'id,question,A,B,C,D\n0,问一,甲,乙,丙,丁\n7,问二,甲,乙,丙,丁\n')
    const task = ceval({ data: folder, split: 'test', subjects: ['physician'], shots: 0 })
    const { tasks } = await evaluate({ model: likely('C'), tasks: [task] })
    expect(tasks[0]).toMatchObject({ measures: {}, submission: { physician: { 0: 'C', 7: 'C' } } })
  })

  it('take examples from dev, in a drawn order where LLaMA-Factory draws one', async () => {
    const header = 'id,question,A,B,C,D,answer,explanation\n'
    await file('dev/law_dev.csv', header + [1, 2, 3, 4, 5].map((i) => `${i},例${i},甲,乙,丙,丁,A,因\n`).join(''))
    await file('val/law_val.csv', 'id,question,A,B,C,D,answer\n0,问,甲,乙,丙,丁,A\n')
    const first = async (preset: 'default' | 'llamafactory', seed = 0): Promise<string> => {
      const { requests } = await ceval({ data: folder, subjects: ['law'], preset, seed, shots: 2 }).prepare()
      const { prompt } = requests[0]!
      const text = typeof prompt === 'string' ? prompt : prompt.map(({ content }) => content).join('')
      return [...text.matchAll(/例(\d)\n/g)].map((match) => match[1]).join('')
    }
    expect(await first('default')).toBe('12')
    expect(await first('llamafactory')).toBe(await first('llamafactory'))
    expect(new Set(await Promise.all([0, 1, 2, 3].map((seed) => first('llamafactory', seed)))).size).toBeGreaterThan(1)
  })

  it('name a subject that does not exist and a file that is missing', async () => {
    expect(() => ceval({ data: folder, subjects: ['phrenology'] })).toThrow(expect.objectContaining({ code: 'option' }))
    await expect(ceval({ data: folder, subjects: ['law'] }).prepare()).rejects.toMatchObject({
      code: 'data',
      path: join(folder, 'val/law_val.csv'),
    })
  })

  it('leave out and report rows whose answer is not among the options', async () => {
    await file('test/anatomy.csv', ',Question,A,B,C,D,Answer\n0,问一,甲,乙,丙,丁,A\n1,问二,甲,乙,丙,丁,F\n')
    const { tasks } = await evaluate({
      model: likely('A'),
      tasks: [cmmlu({ data: folder, subjects: ['anatomy'], shots: 0 })],
    })
    expect(tasks[0]!.rows.map((row) => row.id)).toEqual(['anatomy/0'])
    expect(tasks[0]!.dropped).toEqual([
      { reason: 'answer not among the options', count: 1, examples: ['anatomy line 3'] },
    ])
  })
})

describe('other data', () => {
  it('reads question and answer as texts or lists of one, and preference pairs under either name', async () => {
    const open = await file('o.jsonl', '{"instruction":["问"],"output":["答"]}\n{"question":"问","answer":""}\n')
    expect(await readOpenQuestions(open)).toEqual({
      questions: [{ id: '1', question: '问', reference: '答' }],
      dropped: [{ reason: 'no answer', count: 1, examples: ['line 2'] }],
    })
    const pairs = await file(
      'p.jsonl',
      '{"question":"问","response_chosen":"好","response_rejected":"坏"}\n{"prompt":"问","chosen":"同","rejected":"同"}\n',
    )
    const { pairs: read, dropped } = await readPreferences(pairs)
    expect(read).toEqual([{ id: '1', prompt: '问', chosen: '好', rejected: '坏' }])
    expect(dropped[0]).toMatchObject({ reason: 'equal answers', count: 1 })
  })
})

describe('predictionsModel', () => {
  const data = [0, 1].map((i) => ({
    id: String(i),
    question: '问',
    options: [{ letter: 'A', text: '甲' }],
    answer: 'A',
  }))

  it('reports the rows that a cut-off file lacks as failed', async () => {
    const model = await predictionsModel(await file('p.jsonl', '{"id":"cmexam/0","output":"A"}\n'))
    const { tasks } = await evaluate({ model, tasks: [cmexam({ data })] })
    expect(tasks[0]).toMatchObject({ failed: 1, measures: { accuracy: { value: 1, n: 1 } } })
    expect(tasks[0]!.rows[1]!.error).toContain("no prediction for 'cmexam/1'")
  })

  it('names the line of a contradiction and of a missing column', async () => {
    const twice = await file('q.jsonl', '{"id":"a","output":"A"}\n{"id":"a","output":"B"}\n')
    await expect(predictionsModel(twice)).rejects.toMatchObject({ code: 'data', line: 2 })
    await expect(predictionsModel(await file('r.jsonl', '{"id":"a"}\n'))).rejects.toMatchObject({
      code: 'data',
      line: 1,
    })
  })
})
