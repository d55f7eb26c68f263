import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ceval, cmexam, cmmlu, huatuo26m } from '../tests'
import type { CptText } from '../types'
import { type DecontaminationReport, decontaminate } from './decontaminate'

const folder = mkdtempSync(join(tmpdir(), 'chimed-leaks-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, lines: readonly string[]): string {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

/** Invented questions, one for each set. */
const questions = {
  cmexam: '患者男性五十岁，反复咳嗽三周并伴有低热，最应当首先考虑的检查是',
  ceval: '下列关于虚构的海蓝综合征早期表现的描述中正确的一项是',
  cmmlu: '在虚构的岭南医院里护士核对床号姓名的次数一般规定为',
  huatuo: '孩子夜里总是踢被子还出汗很多请问需要补充什么营养',
}
const answer = '可以先观察几天，注意室温不要过高，晚餐清淡一些，必要时带孩子到儿科检查微量元素，不要自行购买补剂服用'

const sets = [
  cmexam(
    file('cmexam.csv', [
      'Question,Options,Answer,Explanation',
      `${questions.cmexam},"A 胸片\nB 心电图\nC 脑电图\nD 胃镜",A,无`,
    ]),
  ),
  ceval(
    file('ceval/a_test.csv', ['id,question,A,B,C,D', `0,${questions.ceval},发热,皮疹,咳嗽,腹泻`]).replace(
      '/a_test.csv',
      '',
    ),
  ),
  cmmlu(
    file('cmmlu/b.csv', [',Question,A,B,C,D,Answer', `0,${questions.cmmlu},一次,两次,三次,四次,C`]).replace(
      '/b.csv',
      '',
    ),
  ),
  huatuo26m(file('huatuo.jsonl', [JSON.stringify({ questions: questions.huatuo, answers: answer })])),
]
const row = (text: string): CptText => ({ text, origin: { source: '虚构' } })

describe('decontaminate', () => {
  it('removes rows that hold a question of any of the test sets, or come near to a whole item, and counts them by set', async () => {
    const clean = [
      row('高血压患者平时应当注意少吃盐，多运动，按时服药，定期测量血压。'),
      row('孩子夜里出汗很多，家长可以先看看是不是盖得太厚。'),
      row('最应当首先考虑的检查是胸片。'),
    ]
    const leaking = [
      row(`题目：${questions.cmexam}（ ）。答案是胸片，因为需要排除结核。`),
      row(`有人问，${questions.ceval.replaceAll('的', ' 的 ')}？我选第一项。`),
      row(`${'前言。'.repeat(50)}${questions.cmmlu}`),
      // The middle of the question is changed: too little of it is left, but question and answer together are near.
      row(`孩子夜里总是踢被子出汗也很多请问需要补充什么营养 ${answer}`),
    ]
    const records = leaking.flatMap((record, index) => [record, ...clean.slice(index, index + 1)])
    const dropped: string[] = []
    const { records: kept, report } = await decontaminate({ against: sets }).run(records, {
      onDrop: (record) => dropped.push((record as CptText).text),
    })
    expect(kept).toEqual(clean)
    expect(dropped).toEqual(leaking.map(({ text }) => text))
    const { leaks, items, tooShort } = report as DecontaminationReport
    expect(leaks).toEqual({ CMExam: 1, 'C-Eval': 1, CMMLU: 1, 'Huatuo-26M': 1 })
    expect({ items, tooShort }).toEqual({ items: 4, tooShort: 0 })
    const without = await decontaminate({ against: sets, minhash: 0 }).run(records)
    expect(without.records.length).toBe(clean.length + 1)
  })
})
