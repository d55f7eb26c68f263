import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nltkCorpusBleu, nltkSentenceBleu } from './bleu-nltk'
import { chrf } from './chrf'
import { distinctN } from './distinct'
import { embeddingScore } from './embedding-score'
import { perplexity } from './perplexity'
import { answerMatch, characterF1, normalizeAnswer, substringF1 } from './qa'
import { ter } from './ter'
import { termRecall } from './term-recall'

const text = fc.string({ unit: fc.constantFrom(...'甲乙丙丁戊ab ,.'), minLength: 1, maxLength: 30 })

describe('chrf', () => {
  it('is 100 for identical texts and 0 without a common character', () => {
    expect(chrf(['高血压患者'], ['高血压患者']).score).toBeCloseTo(100, 10)
    expect(chrf(['甲乙'], ['丙丁']).score).toBe(0)
  })

  it('takes the reference with the higher score and calls two word orders chrF2++', () => {
    const score = chrf(['甲乙'], [['丙丁', '甲乙']], { wordOrder: 2 })
    expect(score.score).toBeCloseTo(100, 10)
    expect(score.name).toBe('chrF2++')
  })

  it('lies between 0 and 100', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const { score } = chrf([a], [b])
        expect(score).toBeGreaterThanOrEqual(0)
        expect(score).toBeLessThanOrEqual(100 + 1e-9)
      }),
    )
  })
})

describe('ter', () => {
  it('counts a moved phrase as one edit', () => {
    // Word order: three words to the front are one shift instead of six edits.
    expect(ter(['d e f a b c'], ['a b c d e f']).edits).toBe(1)
    expect(ter(['a b c'], ['a x c d']).edits).toBe(2)
  })

  it('is 0 for identical texts and 100 where the reference is empty and the prediction not', () => {
    expect(ter(['甲 乙'], ['甲 乙']).score).toBe(0)
    expect(ter(['甲'], ['']).score).toBe(100)
    expect(ter([''], ['']).score).toBe(0)
  })

  it('splits ideographs only when asked to', () => {
    expect(ter(['甲乙丙'], ['甲乙丁']).referenceLength).toBe(1)
    expect(ter(['甲乙丙'], ['甲乙丁'], { normalized: true, asianSupport: true }).referenceLength).toBe(3)
  })

  it('never passes the longer of the two texts', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const { edits } = ter([a], [b], { normalized: true, asianSupport: true })
        expect(edits).toBeLessThanOrEqual(Math.max([...a].length, [...b].length) * 2)
      }),
    )
  })
})

describe('nltkSentenceBleu', () => {
  it('gives method 3 of the worked examples', () => {
    const pairs = [
      ['甘味能补能缓', '甘味能补、能缓', '51.1508'],
      ['的的的的', '的药的', '18.9959'],
      ['高血压患者可以吃党参', '高血压病人可以口服党参的。', '17.0073'],
      ['多喝水', '建议多喝水，多休息，必要时去医院就诊', '0.5666'],
    ] as const
    for (const [said, wanted, score] of pairs) expect((100 * nltkSentenceBleu(said, wanted)).toFixed(4)).toBe(score)
  })

  it('refuses sentence smoothings for a corpus', () => {
    expect(() => nltkCorpusBleu(['甲', '乙'], ['甲', '乙'], { smoothing: 'method5' })).toThrow(
      expect.objectContaining({ code: 'option' }),
    )
  })
})

describe('answerMatch', () => {
  it('ignores case, white space and punctuation', () => {
    expect(normalizeAnswer(' ＣＴ？ HbA1c（空腹）。')).toBe('ｃｔ？hba1c空腹'.replace('？', ''))
    expect(answerMatch(['阿司匹林。'], ['阿司匹林']).exactMatch).toBe(1)
  })

  it('counts characters as a bag and the longest common part', () => {
    expect(characterF1('甲乙甲', '甲丙').f).toBeCloseTo(0.4, 12) // precision 1/3, recall 1/2
    expect(substringF1('甲乙丙', '乙丙丁')).toBeCloseTo(2 / 3, 12)
    expect(characterF1('', '').f).toBe(1)
    expect(characterF1('。', '甲').f).toBe(0)
  })
})

describe('distinctN', () => {
  it('divides different n-grams by all', () => {
    expect(distinctN(['甲乙甲乙'], 2)).toBe(2 / 3)
    expect(distinctN(['甲', '乙'], 1)).toBe(1)
    expect(() => distinctN(['甲'], 2)).toThrow(expect.objectContaining({ code: 'empty' }))
  })
})

describe('termRecall', () => {
  it('finds the longest term at each place and counts it once', () => {
    const { recall, precision, rows, withoutTerms } = termRecall(
      ['高血压病人应服灰蓝片，灰蓝片有效', '无'],
      ['诊断高血压病，服灰蓝片和白石散', '多休息'],
      ['高血压', '高血压病', '灰蓝片', '白石散'],
    )
    expect(rows[0]!.expected).toEqual(['高血压病', '灰蓝片', '白石散'])
    expect(recall).toBe(2 / 3)
    expect(precision).toBe(1)
    expect(withoutTerms).toBe(1)
  })
})

describe('embeddingScore', () => {
  it('matches each token with the most similar of the other side', async () => {
    const axes: Record<string, number[]> = { 甲: [1, 0], 乙: [0, 1], 丙: [1, 1] }
    const embed = async (texts: readonly string[]) => texts.map((t) => [...t].map((c) => axes[c]!))
    const { rows } = await embeddingScore(['甲丙'], ['甲乙'], embed)
    expect(rows[0]!.precision).toBeCloseTo((1 + Math.SQRT1_2) / 2, 12)
    expect(rows[0]!.recall).toBeCloseTo((1 + Math.SQRT1_2) / 2, 12)
    expect((await embeddingScore(['甲乙'], ['乙甲'], embed)).f).toBeCloseTo(1, 12)
  })
})

describe('perplexity', () => {
  it('weighs tokens, and documents, and counts bits per character', () => {
    const half = Math.log(0.5)
    const { tokenWeighted, meanOfDocuments, bitsPerCharacter, bitsPerToken } = perplexity(
      [[half, half, half], [2 * half]],
      {
        characters: [2, 3],
      },
    )
    expect(tokenWeighted).toBeCloseTo(2 ** (5 / 4), 12)
    expect(meanOfDocuments).toBeCloseTo((2 + 4) / 2, 12)
    expect(bitsPerToken).toBeCloseTo(5 / 4, 12)
    expect(bitsPerCharacter).toBeCloseTo(1, 12)
  })

  it('refuses NaN, empty documents and wrong counts', () => {
    expect(() => perplexity([[Number.NaN]])).toThrowErrorMatchingInlineSnapshot(
      `[MetricsError: perplexity: expected log-probabilities, got NaN in document 0. The model's output is broken; look for overflow.]`,
    )
    expect(() => perplexity([[-1], []])).toThrow(expect.objectContaining({ code: 'empty', index: 1 }))
    expect(() => perplexity([[-1]], { characters: [] })).toThrow(expect.objectContaining({ code: 'length-mismatch' }))
  })
})
