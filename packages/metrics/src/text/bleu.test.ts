import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bleu, formatBleu, sentenceBleu } from './bleu'
import { tokenize } from './tokenizer'

const sentence = fc.string({ unit: fc.constantFrom(...'患者发热咳嗽头痛，。 a1.-'), minLength: 1, maxLength: 40 })

describe('bleu', () => {
  it('gives the zh scores of the five worked examples', () => {
    const score = (prediction: string, reference: string): string => bleu([prediction], [reference]).score.toFixed(4)
    expect(score('甘味能补能缓', '甘味能补、能缓')).toBe('51.1508')
    expect(score('的的的的', '的药的')).toBe('18.9959')
    expect(score('高血压患者可以吃党参', '高血压病人可以口服党参的。')).toBe('17.0073')
    expect(score('多喝水', '建议多喝水，多休息，必要时去医院就诊')).toBe('0.0000')
    const corpus = bleu(['答案A 正确', '', '穿心莲清热解毒'], ['答案 A 正确', '无', '穿心莲能清热解毒，凉血消肿'])
    expect(corpus.score.toFixed(4)).toBe('42.5334')
  })

  it('counts by hand: 3 of 4 unigrams, 1 of 3 bigrams, no trigram', () => {
    const { counts, totals, precisions, brevityPenalty } = bleu(['甲乙丙丁'], ['甲乙戊丁'], { tokenizer: 'char' })
    expect(counts).toEqual([3, 1, 0, 0])
    expect(totals).toEqual([4, 3, 2, 1])
    // exp smoothing: 1/(2·2) and 1/(4·1) of 100
    expect(precisions).toEqual([75, 100 / 3, 25, 25])
    expect(brevityPenalty).toBe(1)
  })

  it('clips repeated n-grams at the reference with most of them', () => {
    expect(bleu(['的的的'], [['的', '的的']], { tokenizer: 'char', maxOrder: 1 }).counts).toEqual([2])
  })

  it('takes the reference closest in length, the shorter of two that are equally close', () => {
    expect(bleu(['甲乙丙'], [['甲乙丙丁', '甲乙']], { tokenizer: 'char' }).referenceLength).toBe(2)
  })

  it('names tokenizer, smoothing and references in its signature', () => {
    expect(bleu(['甲'], [['甲', '乙']], { tokenizer: '13a', smoothing: 'floor' }).signature).toBe(
      'nrefs:2|case:mixed|eff:no|tok:13a|smooth:floor[0.10]|version:2.6.0',
    )
    expect(bleu(['甲', '乙'], [['甲', '乙'], '乙']).signature).toContain('nrefs:var')
    expect(bleu(['甲'], ['甲'], { tokenizer: { name: 'halves', cut: (text) => [...text] } }).signature).toContain(
      'tok:halves',
    )
  })

  it('prints a score as sacrebleu does, ties rounded to even', () => {
    const score = bleu(['甲乙丙丁'], ['甲乙丙丁'], { tokenizer: 'char' })
    expect(formatBleu(score)).toBe(
      'BLEU = 100.00 100.0/100.0/100.0/100.0 (BP = 1.000 ratio = 1.000 hyp_len = 4 ref_len = 4)',
    )
    expect(formatBleu({ ...score, precisions: [56.25, 56.75] })).toContain(' 56.2/56.8 ')
  })

  it('is 100 for identical texts of four tokens, within 0 and 100 and independent of row order for any', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(sentence, sentence), { minLength: 1, maxLength: 6 }), (pairs) => {
        const [said, wanted] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)]
        const { score } = bleu(said, wanted, { smoothing: 'add-k' })
        expect(score).toBeGreaterThanOrEqual(0)
        expect(score).toBeLessThanOrEqual(100 + 1e-9)
        expect(bleu(said.toReversed(), wanted.toReversed(), { smoothing: 'add-k' }).score).toBeCloseTo(score, 10)
        const texts = said.map((text) => `${text}四字以上`)
        expect(bleu(texts, texts).score).toBeCloseTo(100, 9)
      }),
    )
  })

  it('refuses lists of different lengths, empty corpora, missing references and unknown names', () => {
    expect(() => bleu(['甲'], ['甲', '乙'])).toThrow(expect.objectContaining({ code: 'length-mismatch' }))
    expect(() => bleu([], [])).toThrow(expect.objectContaining({ code: 'empty' }))
    expect(() => bleu(['甲'], [[]])).toThrowErrorMatchingInlineSnapshot(
      `[MetricsError: bleu: expected a reference text for every prediction, got none at row 0. Drop the row or give it a reference.]`,
    )
    expect(() => bleu([undefined as unknown as string], ['甲'])).toThrow(
      expect.objectContaining({ code: 'value', index: 0 }),
    )
    expect(() => bleu(['甲'], ['甲'], { tokenizer: 'jieba' as 'zh' })).toThrowErrorMatchingInlineSnapshot(
      `[MetricsError: tokenize: expected a tokenizer of zh, char, 13a, intl, none, got 'jieba'. Words of jieba come from loadJieba().]`,
    )
    expect(() => bleu(['甲'], ['甲'], { smoothing: 'nist' as 'exp' })).toThrow(
      expect.objectContaining({ code: 'option' }),
    )
    expect(() => bleu(['甲'], ['甲'], { maxOrder: 0 })).toThrow(expect.objectContaining({ code: 'option' }))
  })
})

describe('sentenceBleu', () => {
  it('leaves out orders that a short text cannot have', () => {
    expect(sentenceBleu('好', '好').score).toBeCloseTo(100, 9)
    expect(sentenceBleu('好', '好', { effectiveOrder: false }).score).toBe(0)
  })
})

describe('tokenize', () => {
  it('sets apart the characters that sacrebleu takes for Chinese, with its quirks', () => {
    expect(tokenize('体温37.5℃，血压120/80mmHg').join(' ')).toBe('体 温 37.5 ℃ ， 血 压 120 / 80mmHg')
    expect(tokenize('“头痛”…2—3天').join(' ')).toBe('“ 头 痛 ” … 2 — 3 天')
    expect(tokenize('服用Vit B12 0.5mg（每日3次）').join(' ')).toBe('服 用 Vit B12 0.5mg （ 每 日 3 次 ）')
    expect(tokenize('𠮷野')).toEqual(['𠮷', '野']) // 𠮷 stands alone only because 野 does
    expect(tokenize('𠮷𠮷')).toEqual(['𠮷𠮷'])
  })

  it('splits 13a punctuation, joins hyphenated lines and decodes entities', () => {
    expect(tokenize('1,000.5mg, e.g. "x-ray" &amp; 3-4\nfever-\nish', '13a').join(' ')).toBe(
      '1,000.5mg , e . g . " x-ray " & 3 - 4 feverish',
    )
  })

  it('keeps numbers together and sets symbols apart in intl', () => {
    expect(tokenize('血压：120.5±3', 'intl').join(' ')).toBe('血压 ： 120.5 ± 3')
  })

  it('drops white space that only Python counts as such', () => {
    expect(tokenize('a\x1cb\u0085c', 'none')).toEqual(['a', 'b', 'c'])
    expect(tokenize('a\ufeffb', 'none')).toEqual(['a\ufeffb'])
  })
})
