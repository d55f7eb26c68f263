import { beforeAll, describe, expect, it } from 'vitest'
import { loadJieba } from '../segment/jieba'
import type { Segmenter } from '../segment/segmenter'
import { cmexamBleu } from './bleu-cmexam'

/** The worked examples: predictions, references, BLEU 1/2/4 on jieba words, on characters, and add-one BLEU-4 on characters. */
const examples: [string[], string[], number[], number[], number][] = [
  [['甘味能补能缓'], ['甘味能补、能缓'], [25, 0, 0], [84.6482, 75.7116, 51.1508], 59.8553],
  [['的的的的'], ['的药的'], [50, 0, 0], [50, 0, 0], 39.7635],
  [['高血压患者可以吃党参'], ['高血压病人可以口服党参的。'], [40.2192, 0, 0], [51.8573, 41.3209, 0], 23.4857],
  [['多喝水'], ['建议多喝水，多休息，必要时去医院就诊'], [0.0123, 0, 0], [0.6738, 0.6738, 0], 0.6738],
  [
    ['答案A 正确', '', '穿心莲清热解毒'],
    ['答案 A 正确', '无', '穿心莲能清热解毒，凉血消肿'],
    [36.7879, 26.013, 0],
    [54.0433, 48.884, 32.4429],
    35.5625,
  ],
]

let jieba: Segmenter
beforeAll(async () => {
  jieba = await loadJieba()
})

describe('cmexamBleu', () => {
  it('gives the five worked examples on characters and on jieba words', () => {
    for (const [predictions, references, words, characters, smoothed] of examples) {
      const score = (maxOrder: number, tokens: 'char' | Segmenter) =>
        cmexamBleu(predictions, references, { maxOrder, tokens }).score
      expect([1, 2, 4].map((order) => score(order, 'char').toFixed(4))).toEqual(characters.map((x) => x.toFixed(4)))
      expect([1, 2, 4].map((order) => score(order, jieba).toFixed(4))).toEqual(words.map((x) => x.toFixed(4)))
      expect(cmexamBleu(predictions, references, { smooth: true }).score.toFixed(4)).toBe(smoothed.toFixed(4))
    }
  })

  it('gives 100 for identical texts and 0 where one side is empty throughout', () => {
    expect(cmexamBleu(['四个字的'], ['四个字的']).score).toBeCloseTo(100, 12)
    expect(cmexamBleu(['', ''], ['甲', '乙']).score).toBe(0)
    expect(cmexamBleu(['甲', '乙'], ['', '']).score).toBe(0)
  })

  it('refuses lists of different lengths and empty corpora', () => {
    expect(() => cmexamBleu(['甲'], [])).toThrowErrorMatchingInlineSnapshot(
      `[MetricsError: cmexamBleu: expected as many references as predictions, got 1 predictions and 0 references. Pair every row before scoring.]`,
    )
    expect(() => cmexamBleu([], [])).toThrowErrorMatchingInlineSnapshot(
      `[MetricsError: cmexamBleu: expected at least one row, got none. Check that the input file was read.]`,
    )
  })
})
