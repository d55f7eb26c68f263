import { describe, expect, it } from 'vitest'
import {
  accuracy,
  answerMatch,
  balancedAccuracy,
  bleu,
  chrf,
  cmexamBleu,
  cmexamRouge,
  cmexamTextScores,
  cohenKappa,
  confusionMatrix,
  examScores,
  matthewsCorrelation,
  multiAnswerScores,
  nltkCorpusBleu,
  perClass,
  rouge,
  rougeChinese,
  ter,
  termRecall,
  weightedF1,
} from './index'

/** A metric of two lists of texts; the second is the gold side, unless the name says otherwise. */
type Metric = (left: string[], right: string[]) => unknown
const texts: Readonly<Record<string, Metric>> = {
  bleu,
  chrf,
  ter,
  cmexamBleu,
  cmexamRouge,
  cmexamTextScores,
  rouge,
  rougeChinese,
  nltkCorpusBleu,
  answerMatch,
  termRecall: (predictions, references) => termRecall(predictions, references, ['药']),
}
const labels: Readonly<Record<string, Metric>> = {
  accuracy,
  weightedF1,
  perClass,
  confusionMatrix,
  cohenKappa,
  matthewsCorrelation,
  balancedAccuracy,
  multiAnswerScores,
}
const missing = undefined as unknown as string

describe.each(Object.entries(texts))('%s', (_, metric) => {
  it('refuses lists of different lengths, no rows, a missing reference and a missing prediction', () => {
    expect(() => metric(['A'], ['A', 'B'])).toThrow(expect.objectContaining({ code: 'length-mismatch' }))
    expect(() => metric([], [])).toThrow(expect.objectContaining({ code: 'empty' }))
    expect(() => metric(['A', 'B'], ['A', missing])).toThrow(
      expect.objectContaining({ code: 'missing-reference', index: 1 }),
    )
    expect(() => metric([missing], ['A'])).toThrow(expect.objectContaining({ code: 'value', index: 0 }))
  })
})

describe.each(Object.entries(labels))('%s', (_, metric) => {
  it('refuses lists of different lengths, no rows, a missing gold label and a missing prediction', () => {
    expect(() => metric(['A'], ['A', 'B'])).toThrow(expect.objectContaining({ code: 'length-mismatch' }))
    expect(() => metric([], [])).toThrow(expect.objectContaining({ code: 'empty' }))
    expect(() => metric(['A', missing], ['A', 'B'])).toThrow(
      expect.objectContaining({ code: 'missing-reference', index: 1 }),
    )
    expect(() => metric(['A'], [missing])).toThrow(expect.objectContaining({ code: 'value', index: 0 }))
  })
})

describe('answers', () => {
  it('count as unread where they are missing, and need a gold answer', () => {
    expect(examScores(['A', 'B'], ['A', undefined])).toMatchObject({ unparsed: 1, accuracyOfParsed: 1 })
    expect(() => examScores([missing], ['A'])).toThrowErrorMatchingInlineSnapshot(
      `[MetricsError: examScores: expected texts as gold answers, got undefined at row 0. Drop the row or give it one.]`,
    )
  })

  it('outside the options are wrong, and refused where they could not be counted', () => {
    expect(accuracy(['A'], ['Z'])).toBe(0)
    expect(() => multiAnswerScores(['A'], ['AZ'])).toThrowErrorMatchingInlineSnapshot(
      `[MetricsError: multiAnswerScores: expected answers of the letters ABCDE, got 'AZ' at row 0. Pass all letters that can be chosen, or read answers with an extractor.]`,
    )
    expect(multiAnswerScores(['A'], ['AZ'], { letters: 'AZ' }).exact).toBe(0)
  })
})
