import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { makeWorld, miniChimedFolder, worldSeed } from './make-world'
import type { Planted } from './plant'
import { rawFiles } from './raw-files'
import { asked, type Fact, told, toldHeldOut, wordingCounts } from './wordings'
import { buildWorld, type Split } from './world'

const world = buildWorld({ seed: worldSeed })
const { tables, planted } = rawFiles(world)
const scratch = mkdtempSync(join(tmpdir(), 'mini-chimed-'))
afterAll(() => rmSync(scratch, { recursive: true }))

/** The text of each row of the tables that `keep` takes, without planted rows. */
function texts(keep: (tables: readonly number[], dataset: string) => boolean): string[] {
  return tables
    .filter((table) => keep(table.tables, table.dataset))
    .flatMap(({ path, rows }) => rows.filter((_, i) => !isPlanted(path, i + 1)).map((row) => strings(row)))
}

const isPlanted = (path: string, row: number): boolean => planted.some((p) => p.path === path && p.row === row)
const strings = (row: unknown): string =>
  typeof row === 'string'
    ? row
    : Object.values(row as object)
        .map((part) => (part ? strings(part) : ''))
        .join('\n')

const cpt = texts((all) => all.includes(1)).join('\n')
const sftAndDpo = texts((all) => all.includes(2) || all.includes(3)).join('\n')
const training = `${cpt}\n${sftAndDpo}`

const askedIn = (text: string, fact: Fact): boolean => [0, 1, 2].some((wording) => text.includes(asked(fact, wording)))
const facts = (...splits: Split[]): Fact[] => splits.flatMap((split) => world.facts[split])

describe('the raw files', () => {
  it('ask in groups that share their options, each of which is right once', () => {
    const path = 'eval/exam-b.csv'
    const rows = tables.find((table) => table.path === path)!.rows as string[][]
    const groups = new Map<string, string[]>()
    for (const [, cell, letter] of rows) {
      const options = cell!.split('\n').map((line) => line.slice(2))
      const key = [...options].sort().join()
      groups.set(key, [...(groups.get(key) ?? []), options['ABCDE'.indexOf(letter!)]!])
    }
    for (const right of groups.values()) expect(new Set(right).size).toBe(right.length)
    const whole = [...groups.values()].filter(({ length }) => length === 5)
    expect(whole.length * 5).toBeGreaterThan(0.8 * rows.length)
  })

  it('come back byte for byte', () => {
    makeWorld({ seed: worldSeed, out: scratch })
    const list = (folder: string): string[] =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name !== '.gitattributes')
        .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
        .sort()
    expect(list(scratch)).toEqual(list(miniChimedFolder))
    for (const path of list(scratch))
      expect(readFileSync(join(scratch, path)).equals(readFileSync(join(miniChimedFolder, path))), path).toBe(true)
  })

  it('stand for every sub-dataset of Tables 1 to 3', () => {
    const named = (table: 1 | 2 | 3): string[] => [
      ...new Set(tables.filter((t) => t.tables.includes(table)).map((t) => t.dataset)),
    ]
    expect(named(1).sort()).toEqual([
      '39Health-KG',
      'CMD',
      'CMExam',
      'CPubMed-KG',
      'Chinese-medical-dialogue-data',
      'Huatuo-26M-encyclopedias',
      'Huatuo-26M-medical_knowledge',
      'MedQA-textbooks',
      'Medical-Dialogue-System',
      'Xywy-KG',
    ])
    expect(named(2).sort()).toEqual([
      'Alpaca_gpt4_data_zh',
      'CMD',
      'CMExam-explanation',
      'Chinese-medical-dialogue-data',
      'HC3-Chinese',
      'Instruct_chat',
      'Medical-Dialogue-System',
      'Multiturn_chat',
      'Safety-Prompts',
      'School Math',
      'Train_1M_CN',
      'Train_2M_CN',
      'Train_3.5M_CN',
    ])
    expect(named(3).sort()).toEqual(['MedicalGPT', 'Zhongjing_rlhf'])
  })

  it('stay below 6 MB', () => {
    const files = readdirSync(scratch, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    const bytes = files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
    expect(bytes).toBeLessThan(6e6)
    expect(bytes).toBeGreaterThan(3e6)
  })

  it('are in their public encodings', () => {
    const start = (path: string): number[] => [...readFileSync(join(scratch, path)).subarray(0, 3)]
    expect(start('cmexam/train.csv')).toEqual([0xef, 0xbb, 0xbf])
    expect(start('cmexam_explanation/train.csv')).toEqual([0xef, 0xbb, 0xbf])
    for (const path of ['39health_kg/disease.csv', 'chinese_medical_dialogue_data/internal.csv']) {
      const bytes = readFileSync(join(scratch, path))
      expect(() => new TextDecoder('utf-8', { fatal: true }).decode(bytes)).toThrow()
      expect(new TextDecoder('gb18030', { fatal: true }).decode(bytes)).toContain('症')
    }
  })
})

describe('the splits', () => {
  it('tell every a, b and v fact in all six training wordings in CPT text', () => {
    for (const fact of facts('a', 'b', 'v'))
      for (let wording = 0; wording < wordingCounts.told; wording++) expect(cpt).toContain(told(fact, wording))
  })

  it('ask every a fact in SFT', () => {
    expect(world.facts.a.filter((fact) => !askedIn(sftAndDpo, fact))).toEqual([])
  })

  it('ask no b, v, c or w fact in any training file, leaks apart', () => {
    expect(facts('b', 'v', 'c', 'w').filter((fact) => askedIn(training, fact))).toEqual([])
  })

  it('give no value of a b or v fact in SFT or DPO', () => {
    const lines = sftAndDpo.split('\n')
    const giving = facts('b', 'v').filter((fact) =>
      lines.some((line) => line.includes(fact.name) && line.includes(told(fact, 0))),
    )
    expect(giving).toEqual([])
  })

  it('name no disease of the knowledge base in any training file', () => {
    expect(world.retrieved.filter(({ name }) => training.includes(name))).toEqual([])
  })

  it('tell every c and w fact once in the knowledge base', () => {
    const base = texts((_, dataset) => dataset === 'knowledge base').join('\n')
    for (const fact of facts('c', 'w')) {
      const times = [0, 1, 2, 3, 4, 5].reduce((sum, w) => sum + base.split(`${told(fact, w)}。`).length - 1, 0)
      expect(times).toBe(1)
    }
    expect(world.known.concat(world.added).filter(({ name }) => base.includes(name))).toEqual([])
  })

  it('keep the held-out wordings out of training', () => {
    for (const fact of facts('p', 'a', 'b', 'v'))
      for (const wording of [0, 1]) expect(training).not.toContain(toldHeldOut(fact, wording))
  })

  it('share less than 13 characters between any test question and any training text', () => {
    const grams = new Set<string>()
    for (let i = 0; i + 13 <= training.length; i++) grams.add(training.slice(i, i + 13))
    for (const fact of facts('b', 'v', 'c', 'w'))
      for (const wording of [0, 1, 2]) {
        const question = asked(fact, wording)
        for (let i = 0; i + 13 <= question.length; i++) expect(grams.has(question.slice(i, i + 13))).toBe(false)
      }
  })

  it('have at least 500 test questions on b facts, five options each, the right one in every place', () => {
    const rows = tables.find(({ path }) => path === 'eval/exam-b.csv')!.rows as string[][]
    expect(rows.length).toBeGreaterThanOrEqual(500)
    const places = new Map<string, number>()
    for (const [, options, answer, explanation] of rows) {
      const lines = options!.split('\n')
      expect(lines.map((line) => line[0])).toEqual(['A', 'B', 'C', 'D', 'E'])
      expect(new Set(lines.map((line) => line.slice(2))).size).toBe(5)
      expect(explanation).toContain(lines.find((line) => line.startsWith(answer!))!.slice(2))
      places.set(answer!, (places.get(answer!) ?? 0) + 1)
    }
    for (const letter of 'ABCDE') expect(places.get(letter)! / rows.length).toBeCloseTo(0.2, 1)
  })
})

describe('the planted rows', () => {
  const rowAt = ({ path, row }: { path: string; row: number }): unknown =>
    tables.find((table) => table.path === path)!.rows[row - 1]
  type Copy = Extract<Planted, { of: object }>
  const copies = (kind: Copy['kind']): Copy[] => planted.filter((p): p is Copy => p.kind === kind)
  const leaks = planted.filter((p) => p.kind === 'leaked-question')

  it('are exact duplicates where they say so', () => {
    expect(copies('exact-duplicate').length).toBeGreaterThanOrEqual(20)
    for (const copy of copies('exact-duplicate')) {
      expect(rowAt(copy)).toEqual(rowAt(copy.of))
      expect([copy.path, copy.row]).not.toEqual([copy.of.path, copy.of.row])
    }
  })

  it('are near duplicates with a Jaccard similarity of at least 0.85 on five characters, but not equal', () => {
    expect(copies('near-duplicate').length).toBeGreaterThanOrEqual(10)
    for (const copy of copies('near-duplicate')) {
      const [x, y] = [shingles(strings(rowAt(copy))), shingles(strings(rowAt(copy.of)))]
      const common = [...x].filter((gram) => y.has(gram)).length
      const jaccard = common / (x.size + y.size - common)
      expect(jaccard).toBeLessThan(1)
      expect(jaccard).toBeGreaterThan(0.85)
    }
  })

  it('leak test questions where they say so', () => {
    const rows = tables.find(({ path }) => path === 'eval/exam-b.csv')!.rows as string[][]
    expect(leaks.length).toBe(5)
    for (const leak of leaks) {
      expect(strings(rowAt(leak))).toContain(leak.question)
      expect(rows.some(([question]) => question === leak.question)).toBe(true)
    }
  })

  it('are the only exact duplicates among the training rows', () => {
    const seen = new Set<string>()
    const twice: string[] = []
    for (const table of tables.filter((t) => t.tables.length > 0))
      table.rows.forEach((row, i) => {
        const key = JSON.stringify(row)
        if (seen.has(key) && !isPlanted(table.path, i + 1)) twice.push(`${table.path}:${i + 1}`)
        seen.add(key)
      })
    // A copy may stand before its original.
    const originals = copies('exact-duplicate').map(({ of: { path, row } }) => `${path}:${row}`)
    expect(twice.filter((place) => !originals.includes(place))).toEqual([])
  })
})

function shingles(text: string): Set<string> {
  const grams = new Set<string>()
  for (let i = 0; i + 5 <= text.length; i++) grams.add(text.slice(i, i + 5))
  return grams
}
