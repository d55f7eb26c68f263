import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { encodeGb18030 } from '../encoding/gb18030'
import { type FaultLog, faultLog } from '../faults'
import type { ChimedRecord } from '../types'
import { answerText, examConversation, examItem, examOptions } from './cmexam'
import { conversationOf, markedTurns } from './conversation'
import * as sources from './index'
import { preferencesOf } from './preference'
import { filesBelow, type Source, splitOfName } from './source'
import { joinWrapped } from './textbooks'

const folder = mkdtempSync(join(tmpdir(), 'chimed-sources-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

async function read<T extends ChimedRecord>(source: Source<T>, log: FaultLog = faultLog()): Promise<T[]> {
  const records: T[] = []
  for await (const record of source.read({ onFault: log.add })) records.push(record)
  return records
}

const roles = (record: Record<string, unknown>): string[] | string => {
  const converted = conversationOf(record)
  return 'drop' in converted
    ? converted.drop
    : converted.record.messages.map(({ role, content }) => `${role[0]}:${content}`)
}

describe('conversationOf', () => {
  it('reads every public layout', () => {
    const expected = ['u:甲？', 'a:乙。']
    for (const record of [
      {
        messages: [
          { role: 'user', content: '甲？' },
          { role: 'assistant', content: '乙。' },
        ],
      },
      {
        conversations: [
          { from: 'human', value: '甲？' },
          { from: 'gpt', value: '乙。' },
        ],
      },
      {
        conversations: [
          { from: 'input', value: '甲？' },
          { from: 'output', value: '乙。' },
        ],
      },
      { conversation: [{ human: '甲？', assistant: '乙。' }] },
      { instruction: '甲？', input: '', output: '乙。' },
      { instruction: ['甲？'], output: ['乙。'] },
      { prompt: '甲？', response: '乙。' },
      { question: '甲？', std_answer: '乙。' },
      { instruct: '甲？', output: '乙。' },
      { 问: '甲？', 答: '乙。' },
      { input: ['甲？'], output: ['乙。'] },
      { prompt: '甲？', completion: '乙。' },
      { prompt: [{ role: 'user', content: '甲？' }], completion: [{ role: 'assistant', content: '乙。' }] },
    ])
      expect(roles(record), JSON.stringify(record)).toEqual(expected)
  })

  it('follows Alpaca in joining instruction and input, and reads history', () => {
    expect(roles({ instruction: '译', input: '甲', output: '乙', history: [['一', '二']] })).toEqual([
      'u:一',
      'a:二',
      'u:译\n\n甲',
      'a:乙',
    ])
  })

  it('reads lists of inputs and outputs as turns, and says when one is missing', () => {
    expect(roles({ input: ['一', '三'], output: ['二', '四'] })).toEqual(['u:一', 'a:二', 'u:三', 'a:四'])
    expect(roles({ input: ['一', '三'], output: ['二'] })).toBe('turn-count')
  })

  it('cuts dialogues written into the instruction', () => {
    expect(roles({ instruction: 'Human:一\nAssistant:二\nHuman:三\nAssistant:', output: '四' })).toEqual([
      'u:一',
      'a:二',
      'u:三',
      'a:四',
    ])
    expect(markedTurns('问 <user>: 不在开头')).toBeUndefined()
  })

  it('joins, trims and reports turns out of order', () => {
    const converted = conversationOf({
      conversations: [
        { from: 'gpt', value: '早' },
        { from: 'human', value: '一' },
        { from: 'human', value: '二' },
        { from: 'gpt', value: '三' },
        { from: 'human', value: '四' },
      ],
    })
    expect(converted).toMatchObject({
      record: { messages: [{ content: '一\n二' }, { content: '三' }] },
      changes: [{ code: 'answer-first' }, { code: 'joined-turns' }, { code: 'question-last' }],
    })
    expect(roles({ conversations: [{ from: 'alien', value: '?' }] })).toBe('unknown-role')
    expect(roles({ instruction: '甲' })).toBe('missing-answer')
  })
})

describe('CMExam', () => {
  const row = { Question: '虚构题', Options: 'A 甲\\nB 乙 丙\\nC 丁', Answer: 'B', Explanation: '因为。' }

  it('takes options with real and written line breaks, and refuses answers that name no option', () => {
    expect(examOptions('A 甲\nB．乙\nC、丙\n续')).toEqual([
      { letter: 'A', text: '甲' },
      { letter: 'B', text: '乙' },
      { letter: 'C', text: '丙\n续' },
    ])
    expect(examItem({ ...row, Answer: 'nan' })).toMatchObject({ drop: 'missing-answer' })
    expect(examItem({ ...row, Answer: 'BD' })).toMatchObject({ drop: 'answer-without-option' })
    expect(answerText(examItem({ ...row, Answer: 'AC' }) as never)).toBe('甲、丁')
  })

  it('reads val.xlsx: a column of row numbers without a name, options with a written line break', async () => {
    const { default: excel } = await import('exceljs')
    const book = new excel.Workbook()
    book.addWorksheet('Sheet1').addRows([
      ['', 'Question', 'Options', 'Answer', 'Explanation'],
      [0, '虚构题', 'A 甲\\nB 乙', 'B', '因为。'],
      [1, '没有答案', 'A 甲\\nB 乙', '', ''],
    ])
    const path = file('val.xlsx', new Uint8Array(await book.xlsx.writeBuffer()))
    const log = faultLog()
    expect((await read(sources.cmexam(path), log)).map(({ text, origin }) => [text, origin!.line])).toEqual([
      ['虚构题\nA 甲\nB 乙\n答案：B 乙\n解析：因为。', 2],
    ])
    expect(log.counts()).toEqual({ 'missing-answer': 1 })
  })

  it('writes the six templates', () => {
    const item = examItem(row) as Exclude<ReturnType<typeof examItem>, { drop: string }>
    const texts = ([1, 2, 3, 4, 5, 6] as const).map((template) => {
      const converted = examConversation(item, { template })
      return 'drop' in converted ? converted.drop : converted.record.messages.map(({ content }) => content)
    })
    const prompt = '问题: 虚构题, \n 选项: A 甲\nB 乙 丙\nC 丁'
    expect(texts).toEqual([
      [prompt, '答案: B'],
      [prompt, '答案: B 乙 丙'],
      [prompt, '解释: 因为。'],
      [prompt, '答案: B 乙 丙. \n 解释:因为。'],
      ['问题: 虚构题', '答案: 乙 丙'],
      ['问题: 虚构题', '答案: 乙 丙. \n 解释: 因为。'],
    ])
  })
})

describe('sources', () => {
  it('read dialogue dumps with follow-up visits', async () => {
    const dump =
      'id=1\nhttps://example.invalid\n\nDescription\n疾病： 虚构症\n\nDialogue\n医生：\n您好\n医生：\n请讲\n病人：\n头晕\n医生：\n多休息\n\nDescription\n复诊\n\nDialogue\n病人：\n好了\n医生：\n很好\n\nid=2\nDescription\n无\n'
    const log = faultLog()
    const records = await read(sources.medicalDialogueSystem(file('dump.txt', dump)), log)
    expect(records.map(({ messages }) => messages.map(({ content }) => content))).toEqual([
      ['疾病： 虚构症', '您好\n请讲', '头晕', '多休息'],
      ['复诊\n好了', '很好'],
    ])
    expect(log.counts()).toEqual({ 'missing-dialogue': 1 })
    expect(log.changes()).toEqual({ 'joined-turns': 2 })
  })

  it('tell diseases attribute by attribute', async () => {
    const [xywy] = await read(
      sources.xywyKg(
        file(
          'medical.json',
          '{"name":"虚构症","desc":"一种虚构的病。","symptom":["头晕","乏力"],"cure_department":["虚构科"]}\n{"name":""}\n',
        ),
        {},
      ),
      faultLog(),
    )
    expect(xywy!.text).toBe('虚构症\n一种虚构的病。\n症状：头晕、乏力\n就诊科室：虚构科')
    const [health] = await read(
      sources.health39Kg(
        file(
          'disease.csv',
          encodeGb18030('name,alias,symptom,drug,,\n虚构症,"甲,乙",头晕 乏力 [详细],丙... 丙...,,\n'),
        ),
      ),
    )
    expect(health!.text).toBe('虚构症\n别名：甲、乙\n症状：头晕、乏力\n常用药物：丙...')
  })

  it('tell triples one by one or by head', async () => {
    const path = file(
      'triples.txt',
      '虚构症@@疾病\t症状\t头晕@@症状\n虚构症@@疾病\t症状\t乏力@@症状\n虚构症@@疾病\t病因\t\n另一症@@疾病\t病因\t劳累@@原因\n',
    )
    const log = faultLog()
    expect((await read(sources.cpubmedKg(path), log)).map(({ text }) => text)).toEqual([
      '虚构症的症状是头晕。',
      '虚构症的症状是乏力。',
      '另一症的病因是劳累。',
    ])
    expect(log.counts()).toEqual({ 'triple-incomplete': 1 })
  })

  it('gather books, and cut tagged ones at their sections', async () => {
    expect(
      (await read(sources.medqaTextbooks(file('book.txt', '第一行。\n\n第二行。\n第三行。\n'), { gather: 6 }))).map(
        ({ text }) => text,
      ),
    ).toEqual(['第一行。\n第二行。', '第三行。'])
    const tagged = '<篇名>虚构论\n书名：虚构论\n\n<目录>\n<篇名>卷一\n属性：一句话被\n折断了。\n下一句。\n'
    expect((await read(sources.medqaTextbooks(file('tcm.txt', tagged)))).map(({ text }) => text)).toEqual([
      '虚构论 卷一\n一句话被折断了。\n下一句。',
    ])
    expect(joinWrapped(['甲', '乙。', '丙'])).toBe('甲乙。\n丙')
  })

  it('choose rows, number them and stop at a limit', async () => {
    const path = file(
      'belle.jsonl',
      '{"question":"一","std_answer":"1","class":"math"}\n{"question":"二","std_answer":"2","class":"qa"}\n{"question":"三","std_answer":"3","class":"math"}\n',
    )
    const log = faultLog()
    const records = await read(sources.schoolMath(path, { where: (row) => row.class === 'math' }), log)
    expect(records.map(({ origin }) => [origin!.source, origin!.line])).toEqual([
      ['School Math', 1],
      ['School Math', 3],
    ])
    expect(log.counts()).toEqual({ 'not-selected': 1 })
    expect(await read(sources.schoolMath(path, { limit: 1 }))).toHaveLength(1)
  })
})

describe('preferencesOf', () => {
  it('makes pairs of ranked answers by their gap', () => {
    const candidates = [4, 9, 9, 1].map((total, index) => ({
      total,
      conversation: [
        { role: 'patient', content: '问' },
        { role: 'doctor', content: `答${index}` },
      ],
    }))
    const pairs = (options: object): unknown =>
      [preferencesOf({ first_query: '问', candidates }, options)]
        .flat()
        .map((pair) => ('drop' in pair ? pair.drop : `${pair.record.chosen}>${pair.record.rejected}`))
    expect(pairs({})).toEqual(['答1>答3'])
    expect(pairs({ pairs: 'all', minGap: 5 })).toEqual(['答1>答0', '答1>答3', '答2>答0', '答2>答3'])
    expect(pairs({ pairs: 'adjacent' })).toEqual(['答2>答0', '答0>答3'])
    expect(pairs({ minGap: 9 })).toEqual(['tie'])
  })

  it('reads lists ordered best first and TRL layouts', () => {
    expect(preferencesOf({ instruction: '问', output: ['好', '中', '坏'] })).toMatchObject([
      { record: { prompt: '问', chosen: '好', rejected: '坏' } },
    ])
    expect(
      preferencesOf({
        prompt: [
          { role: 'user', content: '一' },
          { role: 'assistant', content: '二' },
          { role: 'user', content: '三' },
        ],
        chosen: [{ role: 'assistant', content: '好' }],
        rejected: [{ role: 'assistant', content: '坏' }],
      }),
    ).toMatchObject({
      record: { prompt: '三', chosen: '好', rejected: '坏', history: [{ content: '一' }, { content: '二' }] },
    })
    const question = { role: 'user', content: '问' }
    expect(
      preferencesOf({
        chosen: [question, { role: 'assistant', content: '好' }],
        rejected: [question, { role: 'assistant', content: '坏' }],
      }),
    ).toMatchObject({ record: { prompt: '问', chosen: '好', rejected: '坏' } })
    expect(preferencesOf({ question: '问', response_chosen: '同', response_rejected: '同' })).toMatchObject({
      drop: 'tie',
    })
  })
})

describe('files of a folder', () => {
  it('say by their names which split they are: test rows are counted and left out, unless the file itself is named', async () => {
    const root = join(folder, 'hub')
    mkdirSync(root, { recursive: true })
    for (const name of ['train_datasets.jsonl', 'validation-00000-of-00001.jsonl', 'test_datasets.jsonl'])
      writeFileSync(join(root, name), '{"instruction":"甲？","output":"乙。"}\n')
    const log = faultLog()
    const records = await read(sources.conversations(root), log)
    expect(records.map(({ origin }) => origin!.split)).toEqual([undefined, 'validation'])
    expect(log.counts()).toEqual({ 'test-split': 1 })
    expect(await read(sources.conversations(join(root, 'test_datasets.jsonl')))).toHaveLength(1)
    expect((await read(sources.conversations(root, { split: 'test' }))).map(({ origin }) => origin!.split)).toEqual(
      Array(3).fill('test'),
    )
    expect(['train.csv', 'my-dev.json', 'val.xlsx', 'testimony.txt', 'A_test.json'].map(splitOfName)).toEqual([
      undefined,
      'validation',
      'validation',
      undefined,
      'test',
    ])
  })
})

describe('filesBelow', () => {
  it('sorts what matches and refuses links that lead out, also in circles', () => {
    const root = join(folder, 'tree')
    mkdirSync(join(root, 'sub'), { recursive: true })
    for (const name of ['b.txt', 'a.txt.gz', 'sub/c.txt', 'd.bin']) writeFileSync(join(root, name), 'x')
    symlinkSync(root, join(root, 'sub', 'circle'))
    expect(filesBelow(root, /\.txt$/).map((path) => path.slice(root.length + 1))).toEqual([
      'a.txt.gz',
      'b.txt',
      'sub/c.txt',
    ])
    symlinkSync('/etc/hostname', join(root, 'out.txt'))
    expect(() => filesBelow(root, /\.txt$/)).toThrow(expect.objectContaining({ code: 'path-escape' }))
    writeFileSync(join(folder, 'data.zip'), 'PK')
    expect(() => filesBelow(join(folder, 'data.zip'), /x/)).toThrow(expect.objectContaining({ code: 'file-format' }))
    expect(() => filesBelow(join(folder, 'none'), /x/)).toThrow(expect.objectContaining({ code: 'file-missing' }))
  })
})
