import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bleuMetric } from '../text/bleu'
import { chrfMetric } from '../text/chrf'
import { betaCdf, betaQuantile, logGamma } from './beta'
import { bootstrap, bootstrapMean } from './bootstrap'
import { mcnemar, mcnemarOf } from './mcnemar'
import { erfc, normalCdf, normalQuantile } from './normal'
import { percentile } from './percentile'
import { questionsNeeded } from './power'
import { proportionInterval } from './proportion'
import { numpyRandom } from './random'
import { approximateRandomization, bootstrapCorpus, pairedBootstrap } from './significance'

describe('numpyRandom', () => {
  it("draws what numpy 2's default_rng draws", () => {
    // numpy 2.4.6: default_rng(12345).integers(0, 120, 8), default_rng(7).random(), default_rng(2**40 + 5).random()
    expect(Array.from(numpyRandom(12345).integers(120, new Int32Array(8)))).toEqual([83, 27, 94, 38, 24, 95, 77, 81])
    const random = numpyRandom(7)
    expect(Array.from(random.bits(new Uint8Array(70))).join('')).toBe(
      '1101000101010010101001111000111110010101100000100110000000000101101010',
    )
    expect(random.float()).toBe(0.7756856902451935)
    expect(numpyRandom(2 ** 40 + 5).float()).toBe(0.004739459374490829)
  })

  it('stays below the bound and refuses what cannot be a seed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0x7fffffff }), fc.nat(), (below, seed) => {
        for (const value of numpyRandom(seed).integers(below, new Int32Array(20))) {
          expect(value).toBeGreaterThanOrEqual(0)
          expect(value).toBeLessThan(below)
        }
      }),
    )
    expect(() => numpyRandom(-1)).toThrow(expect.objectContaining({ code: 'option' }))
    expect(() => numpyRandom(0.5)).toThrow(expect.objectContaining({ code: 'option' }))
  })
})

describe('distributions', () => {
  it('agree with tabulated values', () => {
    expect(erfc(0.5)).toBeCloseTo(0.4795001221869535, 14)
    expect(erfc(3) / 2.209049699858544e-5).toBeCloseTo(1, 12)
    expect(erfc(-1)).toBeCloseTo(1.8427007929497148, 14)
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 13)
    expect(logGamma(10)).toBeCloseTo(Math.log(362880), 12)
    expect(betaCdf(0.3, 2, 3)).toBeCloseTo(0.3483, 12) // 6x² - 8x³ + 3x⁴
  })

  it('invert one another', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true }), (p) => {
        expect(normalCdf(normalQuantile(p))).toBeCloseTo(p, 12)
        expect(betaCdf(betaQuantile(p, 3.5, 2), 3.5, 2)).toBeCloseTo(p, 10)
      }),
    )
  })
})

describe('bootstrap', () => {
  it('draws the rows of a group together: twice every row is no news', () => {
    const once = [1, 0, 0, 1, 1, 0, 1, 1]
    const twice = once.flatMap((value) => [value, value])
    const groups = once.flatMap((_, i) => [i, i])
    for (const method of ['percentile', 'basic', 'bca'] as const)
      expect(bootstrapMean(twice, { groups, method })).toEqual(bootstrapMean(once, { method }))
    expect(bootstrapMean(twice).standardError).toBeLessThan(bootstrapMean(twice, { groups }).standardError)
    expect(() => bootstrapMean(once, { groups })).toThrow(expect.objectContaining({ code: 'length-mismatch' }))
  })

  it('holds the estimate, repeats for a seed and differs between seeds', () => {
    const values = Array.from({ length: 50 }, (_, i) => i % 3)
    const interval = bootstrapMean(values, { seed: 1 })
    expect(interval.low).toBeLessThan(interval.value)
    expect(interval.high).toBeGreaterThan(interval.value)
    expect(bootstrapMean(values, { seed: 1 })).toEqual(interval)
    expect(bootstrapMean(values, { seed: 2 })).not.toEqual(interval)
  })

  it('has width 0 for a constant, with every method', () => {
    for (const method of ['percentile', 'basic'] as const)
      expect(bootstrapMean([4, 4, 4], { method })).toEqual({ value: 4, low: 4, high: 4, standardError: 0 })
  })

  it('refuses no rows, one sample and impossible confidences', () => {
    expect(() => bootstrapMean([])).toThrow(expect.objectContaining({ code: 'empty' }))
    expect(() => bootstrap(1, () => 0, { samples: 1 })).toThrow(expect.objectContaining({ code: 'option' }))
    expect(() => bootstrap(1, () => 0, { confidence: 1 })).toThrow(expect.objectContaining({ code: 'option' }))
  })
})

describe('percentile', () => {
  it('meets both ends and goes straight between neighbours', () => {
    expect([0, 50, 100].map((q) => percentile([3, 1, 2, 10], q))).toEqual([1, 2.5, 10])
    expect(() => percentile([], 50)).toThrow(expect.objectContaining({ code: 'empty' }))
    expect(() => percentile([1], 101)).toThrow(expect.objectContaining({ code: 'option' }))
  })
})

describe('mcnemar', () => {
  it('is the two-sided coin toss: 1 of 6', () => {
    expect(mcnemar(5, 1).pValue).toBeCloseTo((2 * (1 + 6)) / 64, 12)
    expect(mcnemar(0, 0).pValue).toBe(1)
    expect(mcnemar(12, 3, { method: 'chi2' }).statistic).toBe(5.4)
  })

  it('counts the questions on which two systems differ', () => {
    expect(mcnemarOf([1, 1, 0, 0], [1, 0, 1, 0])).toMatchObject({ onlyFirst: 1, onlySecond: 1, pValue: 1 })
    expect(() => mcnemarOf([1], [])).toThrow(expect.objectContaining({ code: 'length-mismatch' }))
  })
})

describe('proportionInterval', () => {
  it('lies within 0..1, holds the share and mirrors with it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(200), (n, k) => {
        const count = Math.min(k, n)
        for (const method of ['wilson', 'clopper-pearson', 'agresti-coull'] as const) {
          const { low, high } = proportionInterval(count, n, { method })
          expect(low).toBeLessThanOrEqual(count / n + 1e-12)
          expect(high).toBeGreaterThanOrEqual(count / n - 1e-12)
          expect(proportionInterval(n - count, n, { method }).low).toBeCloseTo(1 - high, 10)
        }
      }),
      { numRuns: 50 },
    )
  })
})

describe('questionsNeeded', () => {
  it('asks for many questions to see one point, and far fewer when the same questions are answered', () => {
    // (1.959964·√(2·0.405·0.595) + 0.841621·√(0.4·0.6 + 0.41·0.59))² / 0.01² = 1.944903² / 0.0001 = 37826.5
    expect(questionsNeeded({ accuracy: 0.4, difference: 0.01 })).toBe(37_827)
    // (1.959964·√0.1 + 0.841621·√(0.1 - 0.0001))² / 0.01² = 0.885806² / 0.0001 = 7846.5
    expect(questionsNeeded({ accuracy: 0.4, difference: 0.01, discordance: 0.1 })).toBe(7_847)
    expect(() => questionsNeeded({ accuracy: 0.4, difference: 0.1, discordance: 0.05 })).toThrow(
      expect.objectContaining({ code: 'option' }),
    )
  })
})

describe('paired tests', () => {
  const references = Array.from({ length: 40 }, (_, i) => `第${i}位患者体温正常，血压平稳`)
  const good = references.map((text, i) => (i % 4 === 0 ? text.slice(1) : text))
  const poor = references.map((text) => text.slice(3).replace('平稳', '很高'))
  const systems = [
    { name: 'good', predictions: good },
    { name: 'poor', predictions: poor },
    { name: 'same', predictions: good },
  ]

  it('tell a poor system from a good one, and give equal systems the smallest p-value, as sacrebleu does', () => {
    for (const test of [pairedBootstrap, approximateRandomization]) {
      const [baseline, other, same] = test(bleuMetric(), systems, references, { samples: 200 })
      expect(baseline!.pValue).toBeUndefined()
      expect(other!.pValue).toBeLessThan(0.02)
      expect(same).toMatchObject({ score: baseline!.score, pValue: 1 / 201 })
    }
  })

  it('names samples and seed in the signature of a bootstrapped score', () => {
    const { signature, ci, mean, score } = bootstrapCorpus(chrfMetric(), good, references, { samples: 100, seed: 9 })
    expect(signature).toContain('|bs:100|seed:9|')
    expect(ci).toBeGreaterThan(0)
    expect(Math.abs(mean - score.score)).toBeLessThan(5)
  })

  it('need a second system', () => {
    expect(() => pairedBootstrap(bleuMetric(), systems.slice(0, 1), references)).toThrow(
      expect.objectContaining({ code: 'option' }),
    )
  })
})
