import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { buildCorpora } from './build'
import { normalise } from './clean/steps'
import * as dedup from './dedup'
import { decontaminate } from './dedup/decontaminate'
import { readCpt, readDpo, readSft } from './read/corpora'
import { textOf } from './record'
import * as sources from './sources'
import { readSplitManifest, refuseTest, splitRecords } from './split'
import * as tests from './tests'
import type { ChimedRecord, StepReport } from './types'

const mini = join(import.meta.dirname, '../../../examples/data/mini-chimed')
const folder = mkdtempSync(join(tmpdir(), 'chimed-build-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Planted {
  readonly path: string
  readonly row: number
  readonly kind: 'exact-duplicate' | 'near-duplicate' | 'leaked-question' | 'defect'
}

const testSets = ['exam-b', 'exam-c', 'exam-v', 'exam-w'].map((name) =>
  tests.cmexam(join(mini, `eval/${name}.csv`), { name }),
)
const options = {
  cpt: [
    sources.huatuoEncyclopedia(join(mini, 'huatuo_encyclopedia_qa')),
    sources.cmexam(join(mini, 'cmexam/train.csv')),
    sources.medqaTextbooks(join(mini, 'medqa_textbooks'), { gather: 0 }),
    sources.cpubmedKg(join(mini, 'cpubmed_kg')),
  ],
  sft: [
    sources.chineseMedicalDialogue(join(mini, 'chinese_medical_dialogue_data')),
    sources.train1mCn(join(mini, 'train_1m_cn')),
    sources.cmexamExplanation(join(mini, 'cmexam_explanation')),
  ],
  dpo: [sources.zhongjingRlhf(join(mini, 'zhongjing_rlhf')), sources.medicalgptReward(join(mini, 'medicalgpt_reward'))],
  steps: [normalise(), dedup.exact(), dedup.minhash({ threshold: 0.8 }), decontaminate({ against: testSets })],
  tests: testSets,
}

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const row of rows) list.push(row)
  return list
}

describe.skipIf(!existsSync(mini))('build on mini-ChiMed', () => {
  it('finds what was planted: duplicates, near-duplicates, leaked questions, rows without an answer', async () => {
    const { report } = await buildCorpora(options)
    const { planted } = JSON.parse(readFileSync(join(mini, 'truth.json'), 'utf8')) as { planted: Planted[] }
    const used =
      /^(huatuo_encyclopedia_qa|cmexam\/train|medqa|cpubmed|chinese_medical|train_1m|cmexam_explanation|zhongjing|medicalgpt)/
    const count = (kind: Planted['kind']): number =>
      planted.filter((row) => row.kind === kind && used.test(row.path)).length
    const steps = Object.values(report.steps).flat()
    const dropped = (step: string, code: string): number =>
      steps.filter(({ name }) => name === step).reduce((sum, told: StepReport) => sum + (told.dropped[code] ?? 0), 0)
    expect(dropped('dedup.exact', 'duplicate')).toBeGreaterThanOrEqual(count('exact-duplicate'))
    expect(dropped('dedup.minhash', 'near-duplicate')).toBeGreaterThanOrEqual(count('near-duplicate'))
    expect(dropped('decontaminate', 'leak')).toBe(count('leaked-question'))
    const faults = report.sources.flatMap(({ faults: reasons }) => Object.entries(reasons))
    expect(faults.sort()).toEqual([
      ['missing-answer', 1],
      ['missing-answer', 1],
      ['missing-explanation', 1],
      ['tie', 1],
    ])
    expect(report.totals.map(({ corpus, samples }) => [corpus, samples > 0])).toEqual([
      ['cpt', true],
      ['sft', true],
      ['dpo', true],
    ])
  })

  it('writes files that read back as the same records, in both formats', async () => {
    for (const format of ['trl', 'qilin'] as const) {
      const out = join(folder, format)
      const { train, validation, report } = await buildCorpora({
        ...options,
        out,
        format,
        split: { validation: 0.05, seed: 3 },
      })
      expect(report.files.filter((name) => !existsSync(join(out, name)))).toEqual([])
      expect(readdirSync(out).filter((name) => name.endsWith('.part'))).toEqual([])
      const path = (name: string): string => join(out, report.files.find((file) => file.startsWith(name))!)
      const texts = (records: readonly ChimedRecord[]): string[] =>
        records.map((record) => textOf(record).replace(/\s*\n\s*/g, ' '))
      expect(texts(await all(readCpt(path('cpt'))))).toEqual(texts(train.cpt))
      expect(texts(await all(readSft(path('sft'))))).toEqual(texts(train.sft))
      expect(texts(await all(readDpo(path('dpo'))))).toEqual(texts(train.dpo))
      expect(validation.cpt.length).toBeGreaterThan(0)
      expect(() => [...refuseTest(train.sft, readSplitManifest(join(out, 'splits.json')))]).not.toThrow()
    }
  })

  it('gives the same bytes twice', async () => {
    await buildCorpora({ ...options, out: join(folder, 'one') })
    await buildCorpora({ ...options, out: join(folder, 'two') })
    for (const name of readdirSync(join(folder, 'one')))
      expect(readFileSync(join(folder, 'two', name)).equals(readFileSync(join(folder, 'one', name))), name).toBe(true)
  })
})

describe('splitRecords', () => {
  it('does not depend on order or company, and keeps equal texts together', () => {
    const records = Array.from({ length: 500 }, (_, index) => ({ text: `第${index % 250}段虚构的文字` }))
    const { train, validation } = splitRecords(records, { validation: 0.2, seed: 7 })
    const reversed = splitRecords([...records].reverse(), { validation: 0.2, seed: 7 })
    expect(new Set(reversed.validation.map(({ text }) => text))).toEqual(new Set(validation.map(({ text }) => text)))
    expect(train.filter(({ text }) => validation.some((record) => record.text === text))).toEqual([])
    expect(validation.length).toBeGreaterThan(50)
    expect(validation.length).toBeLessThan(150)
  })

  it('refuses records of a test split', () => {
    expect(() =>
      splitRecords([{ text: '甲', origin: { source: 'x', file: 'test.csv', line: 3, split: 'test' } }]),
    ).toThrow(expect.objectContaining({ code: 'split', line: 3 }))
  })
})
