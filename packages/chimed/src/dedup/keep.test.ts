import { describe, expect, it } from 'vitest'
import { duplicatesBySources } from '../shard/duplicates'
import type { CptText } from '../types'
import { type Keep, keepScore, type Scope } from './keep'
import { type DedupReport, exact, minhash } from './steps'

const record = (source: string, text: string): CptText => ({ text, origin: { source } })
const text = '虚构的一段文字说的是饮食清淡多饮水注意休息按时复查不要劳累'
const records = [
  record('网页', `${text}。`),
  record('教材', text),
  record('网页', `${text}，好`),
  record('教材', `${text}！！`),
  record('问答', '另一段文字没有任何重复的内容在别处出现过'),
]

const left = async (keep: Keep, scope: Scope = 'everywhere'): Promise<number[]> => {
  const { records: kept } = await minhash({ keep, scope, threshold: 0.7 }).run(records)
  return kept.map((one) => records.indexOf(one))
}

describe('keep', () => {
  it('lets the first, the longest, or the one of the best source stay', async () => {
    expect(await left('first')).toEqual([0, 4])
    expect(await left('longest')).toEqual([2, 4])
    expect(await left({ sources: ['教材', '网页'] })).toEqual([1, 4])
    expect(await left({ sources: ['教材', '网页'], within: 'longest' })).toEqual([3, 4])
    expect(await left({ sources: ['不在'] })).toEqual([0, 4])
    const { records: kept } = await exact({ keep: { sources: ['问答'] } }).run([
      record('网页', '甲'),
      record('问答', '甲'),
      record('网页', '乙'),
    ])
    expect(kept.map(({ origin }) => origin?.source)).toEqual(['问答', '网页'])
  })

  it('counts what went by the sources of both records, within a source and across', async () => {
    const { report } = await minhash({ keep: { sources: ['教材'] }, threshold: 0.7 }).run(records)
    expect(duplicatesBySources(report as DedupReport)).toEqual([
      { stays: '教材', goes: '网页', records: 2 },
      { stays: '教材', goes: '教材', records: 1 },
    ])
    const named = await exact().run([record('甲 ← 乙', '文'), record('丙', '文')])
    expect(duplicatesBySources(named.report as DedupReport)).toEqual([{ stays: '甲 ← 乙', goes: '丙', records: 1 }])
  })

  it('refuses more sources than it can rank', () => {
    const sources = Array.from({ length: 64 }, (_, i) => `来源${i}`)
    expect(() => keepScore({ sources })).toThrowErrorMatchingInlineSnapshot(
      `[ChimedError: keepScore: expected fewer than 64 sources, got 64. Name the ones that matter.]`,
    )
  })
})

describe('scope', () => {
  it('counts pairs of one source, or of different sources, only', async () => {
    expect(await left('first', 'within-sources')).toEqual([0, 1, 4])
    expect(await left('first', 'across-sources')).toEqual([0, 4])
    const { records: kept } = await minhash({ scope: 'across-sources', threshold: 0.7 }).run([records[0]!, records[2]!])
    expect(kept.length).toBe(2)
  })
})
