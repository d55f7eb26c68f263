import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cmexamTextScores } from './cmexam-scores'
import { lcsLength, lcsPositions } from './lcs'
import { rouge, rougeL, rougeLsum, rougeN } from './rouge'
import { rougeChinese } from './rouge-chinese'
import { cmexamRouge } from './rouge-cmexam'

const text = fc.string({ unit: fc.constantFrom(...'甲乙丙丁 \n'), maxLength: 80 })
const tokens = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 100 })

/** The textbook table, to check the bit-parallel one. */
const slowLcs = (a: number[], b: number[]): number => {
  const table = [...a, 0].map(() => new Array<number>(b.length + 1).fill(0))
  a.forEach((x, i) => {
    b.forEach((y, j) => {
      table[i + 1]![j + 1] = x === y ? table[i]![j]! + 1 : Math.max(table[i]![j + 1]!, table[i + 1]![j]!)
    })
  })
  return table[a.length]![b.length]!
}

describe('lcsLength', () => {
  it('equals the textbook table for any lists, whichever comes first', () => {
    fc.assert(
      fc.property(tokens, tokens, (a, b) => {
        expect(lcsLength(a, a.length, b, b.length)).toBe(slowLcs(a, b))
        expect(lcsLength(b, b.length, a, a.length)).toBe(slowLcs(a, b))
        expect(lcsPositions({ ids: a, length: a.length }, { ids: b, length: b.length })).toHaveLength(slowLcs(a, b))
      }),
    )
  })
})

describe('cmexamRouge', () => {
  it('gives the worked examples', () => {
    const values = (predictions: string[], references: string[]): string[] => {
      const { rouge1, rouge2, rougeL } = cmexamRouge(predictions, references)
      return [rouge1.f, rouge2.f, rougeL.f].map((f) => f.toFixed(4))
    }
    expect(values(['甘味能补能缓'], ['甘味能补、能缓'])).toEqual(['90.9091', '72.7273', '91.2343'])
    expect(values(['的的的的'], ['的药的'])).toEqual(['66.6667', '0.0000', '54.9451'])
    expect(values(['高血压患者可以吃党参'], ['高血压病人可以口服党参的。'])).toEqual(['60.8696', '38.0952', '58.8990'])
    expect(values(['多喝水'], ['建议多喝水，多休息，必要时去医院就诊'])).toEqual(['31.5789', '21.0526', '17.0507'])
    const corpus = [
      ['答案A 正确', '', '穿心莲清热解毒'],
      ['答案 A 正确', '无', '穿心莲能清热解毒，凉血消肿'],
    ] as const
    expect(values([...corpus[0]], [...corpus[1]])).toEqual(['56.6667', '44.1595', '48.3223'])
    expect(cmexamRouge([...corpus[0]], [...corpus[1]]).rouge1.recall.toFixed(4)).toBe('51.2821')
  })

  it('lets two empty texts match and gives a single character no bigram', () => {
    expect(cmexamRouge([''], ['']).rouge1.f).toBeCloseTo(100, 5)
    const same = cmexamRouge(['好'], ['好'])
    expect(same.rouge1.f.toFixed(7)).toBe('99.9999995')
    expect(same.rouge2.f).toBe(0)
  })
})

describe('rouge', () => {
  it('counts by hand: 2 of 3 and 2 of 4 characters', () => {
    expect(rougeN('甲乙丙', '甲丁乙戊', 1)).toEqual({
      precision: 2 / 3,
      recall: 0.5,
      f: (2 * (2 / 3) * 0.5) / (2 / 3 + 0.5),
    })
    expect(rougeL('甲乙丙', '甲丁乙戊').recall).toBe(0.5)
  })

  it('sums over lines without counting a token twice', () => {
    // Both lines of the reference match the only 甲 of the prediction; it counts once.
    expect(rougeLsum('甲', '甲\n甲').recall).toBe(0.5)
    expect(rougeL('甲', '甲\n甲').recall).toBe(0.5)
  })

  it('drops Chinese with the latin tokens, as rouge-score does', () => {
    expect(rougeN('血压 BP 120', 'BP 120', 1, { tokens: 'latin' }).f).toBe(1)
    expect(rougeN('血压', '血压', 1, { tokens: 'latin' }).f).toBe(0)
  })

  it('lies between 0 and 1, is 1 for identical texts and swaps precision and recall with its sides', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const [forth, back] = [rouge([a], [b]), rouge([b], [a])]
        for (const key of ['rouge1', 'rouge2', 'rougeL', 'rougeLsum'] as const) {
          expect(forth[key].f).toBeGreaterThanOrEqual(0)
          expect(forth[key].f).toBeLessThanOrEqual(1 + 1e-12)
        }
        for (const key of ['rouge1', 'rouge2', 'rougeL'] as const)
          expect(forth[key].precision).toBeCloseTo(back[key].recall, 12)
        const full = `${a}甲乙`
        expect(rouge([full], [full]).rougeL.f).toBe(1)
      }),
    )
  })
})

describe('rougeChinese', () => {
  it('marks empty sides and leaves them out of the means instead of raising', () => {
    const { rows, empty, rouge1 } = rougeChinese(['', '甲', '甲乙'], ['甲', ' ', '甲乙'])
    expect(rows.map((row) => row.empty)).toEqual(['prediction', 'reference', undefined])
    expect(empty).toBe(2)
    expect(rouge1.f).toBeCloseTo(1, 7)
  })
})

describe('cmexamTextScores', () => {
  it('gives the columns of the paper with intervals around them', () => {
    const scores = cmexamTextScores(['甲乙丙丁戊', '甲乙'], ['甲乙丙丁己', '甲丙'], { samples: 200, seed: 3 })
    expect(scores.n).toBe(2)
    for (const key of ['bleu1', 'bleu4', 'rouge1', 'rouge2', 'rougeL'] as const) {
      expect(scores[key].low).toBeLessThanOrEqual(scores[key].value)
      expect(scores[key].high).toBeGreaterThanOrEqual(scores[key].value)
    }
    expect(scores.rouge1.value).toBeCloseTo(cmexamRouge(['甲乙丙丁戊', '甲乙'], ['甲乙丙丁己', '甲丙']).rouge1.f, 10)
  })
})
