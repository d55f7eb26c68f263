import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { balancedAccuracy, cohenKappa, matthewsCorrelation } from './agreement'
import { brierScore, calibration, logLoss } from './calibration'
import { examScores } from './exam'
import { confusionMatrix } from './labels'
import { multiAnswerScores } from './multi-label'
import { preferenceAccuracy } from './preference'
import { averagePrecision, passAtK, rocAuc } from './ranking'
import { accuracy, perClass, precisionRecallF1, weightedF1 } from './scores'

const letters = fc.constantFrom('A', 'B', 'AC', '')
const answers = fc.array(fc.tuple(letters, letters), { minLength: 1, maxLength: 30 })

describe('weightedF1', () => {
  it('takes every answer string for a class: the two worked examples', () => {
    const first = [
      ['A', 'B', 'AC', 'AC'],
      ['A', 'A', 'AC', 'A'],
    ] as const
    expect(accuracy(...first)).toBe(0.5)
    expect(precisionRecallF1(...first).precision).toBeCloseTo(0.583333, 6)
    expect(weightedF1(...first)).toBeCloseTo(0.458333, 6)
    const second = [
      ['A', 'A', 'B', 'ABC'],
      ['A', 'B', 'B', 'AB'],
    ] as const
    expect(Object.values(precisionRecallF1(...second))).toEqual([0.625, 0.5, 0.5])
  })

  it('does not depend on the order of rows and lies between 0 and 1', () => {
    fc.assert(
      fc.property(answers, (rows) => {
        const [gold, said] = [rows.map(([g]) => g), rows.map(([, s]) => s)]
        const value = weightedF1(gold, said)
        expect(value).toBeGreaterThanOrEqual(0)
        expect(value).toBeLessThanOrEqual(1)
        expect(weightedF1(gold.toReversed(), said.toReversed())).toBeCloseTo(value, 12)
        expect(weightedF1(gold, gold)).toBe(1)
        // Every wrong row is one false positive and one false negative.
        expect(precisionRecallF1(gold, said, { average: 'micro' }).f1).toBeCloseTo(accuracy(gold, said), 12)
      }),
    )
  })

  it('gives a class that is only predicted support 0', () => {
    expect(perClass(['A'], ['B']).map(({ label, support }) => [label, support])).toEqual([
      ['A', 1],
      ['B', 0],
    ])
  })
})

describe('examScores', () => {
  it('counts unread answers as wrong and gives both denominators', () => {
    const scores = examScores(['A', 'B', 'C', 'D'], ['A', undefined, '', 'C'], { samples: 100 })
    expect(scores).toMatchObject({ n: 4, unparsed: 2, accuracyOfParsed: 0.5 })
    expect(scores.accuracy.value).toBe(0.25)
  })

  it('repeats its interval for a seed and equals weightedF1 without resampling', () => {
    fc.assert(
      fc.property(answers, (rows) => {
        const [gold, said] = [rows.map(([g]) => g), rows.map(([, s]) => s)]
        const scores = examScores(gold, said, { samples: 20, seed: 5 })
        expect(scores.weightedF1.value).toBeCloseTo(weightedF1(gold, said), 12)
        expect(examScores(gold, said, { samples: 20, seed: 5 })).toEqual(scores)
      }),
      { numRuns: 20 },
    )
  })
})

describe('confusionMatrix', () => {
  it('orders labels by code point and rows by gold label', () => {
    expect(confusionMatrix(['乙', 'a', '甲'], ['乙', '甲', '乙'])).toEqual({
      labels: ['a', '乙', '甲'],
      counts: [
        [0, 0, 1],
        [0, 1, 0],
        [0, 1, 0],
      ],
    })
  })
})

describe('agreement', () => {
  it('is 1 for equal, 0 at chance, and NaN where only one label occurs', () => {
    expect(cohenKappa(['A', 'B'], ['A', 'B'])).toBe(1)
    expect(cohenKappa(['A', 'A', 'B', 'B'], ['A', 'B', 'A', 'B'])).toBe(0)
    expect(cohenKappa(['A'], ['A'])).toBeNaN()
    expect(matthewsCorrelation(['A', 'B'], ['B', 'A'])).toBe(-1)
    expect(matthewsCorrelation(['A'], ['A'])).toBe(0)
  })

  it('weighs distant labels more when asked to', () => {
    const [gold, near, far] = [
      ['1', '2', '3'],
      ['2', '2', '3'],
      ['3', '2', '3'],
    ]
    const weights = 'quadratic'
    expect(cohenKappa(gold, near, { weights })).toBeGreaterThan(cohenKappa(gold, far, { weights }))
  })

  it('averages recall over gold classes', () => {
    expect(balancedAccuracy(['A', 'A', 'B'], ['A', 'C', 'B'])).toBe(0.75)
  })
})

describe('multiAnswerScores', () => {
  it('tells exact, partial and overlapping answers apart', () => {
    const scores = multiAnswerScores(['ACD', 'AB', 'C'], ['DCA', 'A', 'CD'])
    expect(scores.exact).toBe(1 / 3)
    expect(scores.partial).toBe((1 + 0.5 + 0) / 3)
    expect(scores.jaccard).toBe((1 + 0.5 + 0.5) / 3)
    expect(scores.hammingLoss).toBe(2 / 15)
  })
})

describe('calibration', () => {
  it('puts an edge into the bin below it and 0 into the first', () => {
    const { bins } = calibration([0, 0.1, 0.3, 1], [0, 0, 1, 1])
    expect(bins.map((bin) => bin.count)).toEqual([2, 0, 1, 0, 0, 0, 0, 0, 0, 1])
  })

  it('is 0 for confidences that come true as often as they say', () => {
    expect(calibration([0.5, 0.5], [true, false]).ece).toBe(0)
    expect(brierScore([1, 0], [true, false])).toBe(0)
    expect(logLoss([0.5], [true])).toBeCloseTo(Math.LN2, 15)
  })

  it('refuses what is no probability', () => {
    expect(() => calibration([1.2], [true])).toThrow(expect.objectContaining({ code: 'value', index: 0 }))
    expect(() => calibration([Number.NaN], [true])).toThrow(expect.objectContaining({ code: 'value' }))
  })
})

describe('ranking', () => {
  it('counts ties one half and refuses one-sided outcomes', () => {
    expect(rocAuc([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0])).toBe(0.875)
    expect(averagePrecision([0.9, 0.5, 0.1], [1, 0, 1])).toBeCloseTo((1 + 2 / 3) / 2, 12)
    expect(() => rocAuc([0.5], [1])).toThrow(expect.objectContaining({ code: 'value' }))
  })

  it('estimates pass@k: 1 - C(3,2)/C(5,2)', () => {
    expect(passAtK(5, 2, 2)).toBeCloseTo(0.7, 12)
    expect(() => passAtK(2, 3, 1)).toThrow(expect.objectContaining({ code: 'option' }))
  })
})

describe('preferenceAccuracy', () => {
  it('counts a tie one half and names NaN', () => {
    expect(preferenceAccuracy([-1, -2, -3], [-2, -2, -1], { samples: 50 })).toMatchObject({ value: 0.5, n: 3, ties: 1 })
    expect(() => preferenceAccuracy([Number.NaN], [0])).toThrowErrorMatchingInlineSnapshot(
      `[MetricsError: preferenceAccuracy: expected a score for both answers, got NaN at pair 0. The model's output is broken; look for overflow.]`,
    )
  })
})
