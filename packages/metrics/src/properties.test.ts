import { describe, expect, it } from 'vitest'
import {
  accuracy,
  answerMatch,
  bleu,
  characterF1,
  chrf,
  cmexamBleu,
  cmexamRouge,
  cohenKappa,
  distinctN,
  embeddingScore,
  matthewsCorrelation,
  multiAnswerScores,
  nltkCorpusBleu,
  numpyRandom,
  precisionRecallF1,
  rouge,
  rougeChinese,
  substringF1,
  ter,
  termRecall,
  weightedF1,
} from './index'

const random = numpyRandom(11)
const below = (bound: number): number => random.integers(bound, new Int32Array(1))[0]!

const alphabet = [...'的药患者肝炎服用三天，。 aB1𠮷']
const text = (longest: number): string =>
  Array.from({ length: below(longest + 1) }, () => alphabet[below(alphabet.length)]!).join('')

const rounds = Array.from({ length: 25 }, () => {
  const rows = 1 + below(6)
  return {
    predictions: Array.from({ length: rows }, () => `药${text(14)}`),
    references: Array.from({ length: rows }, () => `药${text(14)}`),
  }
})

/** The rows in another order. */
const reversed = (texts: readonly string[]): string[] => [...texts].reverse()

/** A corpus metric as one number. */
interface Property {
  readonly name: string
  readonly score: (predictions: readonly string[], references: readonly string[]) => number
  /** Its largest value, which identical texts of seven different characters have. */
  readonly most: 1 | 100
  /** Digits to which they have it: some definitions add 1e-8 to a divisor. */
  readonly digits?: number
}

const corpora: readonly Property[] = [
  ...(['zh', 'char'] as const).flatMap((tokenizer) =>
    (['exp', 'floor', 'add-k', 'none'] as const).map(
      (smoothing): Property => ({
        name: `bleu ${tokenizer} ${smoothing}`,
        score: (p, r) => bleu(p, r, { tokenizer, smoothing }).score,
        most: 100,
      }),
    ),
  ),
  { name: 'cmexamBleu', score: (p, r) => cmexamBleu(p, r).score, most: 100 },
  { name: 'nltkCorpusBleu', score: (p, r) => nltkCorpusBleu(p, r), most: 1 },
  { name: 'chrf', score: (p, r) => chrf(p, r).score, most: 100 },
  { name: 'chrf++', score: (p, r) => chrf(p, r, { wordOrder: 2 }).score, most: 100 },
  { name: 'rouge 1', score: (p, r) => rouge(p, r).rouge1.f, most: 1 },
  { name: 'rouge 2', score: (p, r) => rouge(p, r).rouge2.f, most: 1 },
  { name: 'rouge L', score: (p, r) => rouge(p, r).rougeL.f, most: 1 },
  { name: 'rouge Lsum', score: (p, r) => rouge(p, r).rougeLsum.f, most: 1 },
  { name: 'cmexamRouge L', score: (p, r) => cmexamRouge(p, r).rougeL.f, most: 100, digits: 5 },
  { name: 'rougeChinese 1', score: (p, r) => rougeChinese(p, r).rouge1.f, most: 1, digits: 7 },
  { name: 'exact match', score: (p, r) => answerMatch(p, r).exactMatch, most: 1 },
  { name: 'mean character F1', score: (p, r) => answerMatch(p, r).f1, most: 1 },
]

describe.each(corpora)('$name', ({ score, most, digits = 9 }) => {
  it('lies within its bounds for any texts', () => {
    for (const { predictions, references } of rounds) {
      const value = score(predictions, references)
      expect(value).toBeGreaterThanOrEqual(0)
      expect(value).toBeLessThanOrEqual(most + 1e-9)
    }
  })

  it('does not depend on the order of rows', () => {
    for (const { predictions, references } of rounds)
      expect(score(reversed(predictions), reversed(references))).toBeCloseTo(score(predictions, references), 9)
  })

  it('is largest for identical texts', () => {
    const texts = ['肝炎患者服用三天', '的药者天，服三']
    expect(score(texts, texts)).toBeCloseTo(most, digits)
  })
})

describe('ter', () => {
  it('is 0 for identical texts only, never negative, and does not depend on the order of rows', () => {
    for (const { predictions, references } of rounds) {
      expect(ter(references, references).score).toBe(0)
      const { score } = ter(predictions, references, { normalized: true, asianSupport: true })
      expect(score).toBeGreaterThanOrEqual(0)
      expect(
        ter(reversed(predictions), reversed(references), { normalized: true, asianSupport: true }).score,
      ).toBeCloseTo(score, 9)
    }
  })
})

describe('symmetry', () => {
  const pairs = rounds.flatMap(({ predictions, references }) =>
    predictions.map((prediction, i) => [prediction, references[i]!] as const),
  )

  it('of F values: swapping the sides swaps precision and recall', () => {
    for (const [a, b] of pairs) {
      const [one, other] = [characterF1(a, b), characterF1(b, a)]
      expect(one.f).toBeCloseTo(other.f, 12)
      expect(one.precision).toBe(other.recall)
      expect(substringF1(a, b)).toBeCloseTo(substringF1(b, a), 12)
      const [chinese, swapped] = [rougeChinese([a], [b]), rougeChinese([b], [a])]
      expect(chinese.rougeL.f).toBeCloseTo(swapped.rougeL.f, 12)
      expect(cmexamRouge([a], [b]).rougeL.f).toBeCloseTo(cmexamRouge([b], [a]).rougeL.f, 9)
    }
  })

  it('of agreement and of sets of letters', () => {
    for (let round = 0; round < 50; round++) {
      const size = 2 + below(20)
      const [gold, said] = [0, 1].map(() => Array.from({ length: size }, () => 'ABCD'[below(4)]!)) as [
        string[],
        string[],
      ]
      expect(accuracy(gold, said)).toBe(accuracy(said, gold))
      const kappa = cohenKappa(gold, said)
      if (!Number.isNaN(kappa)) expect(kappa).toBeCloseTo(cohenKappa(said, gold), 12)
      expect(matthewsCorrelation(gold, said)).toBeCloseTo(matthewsCorrelation(said, gold), 12)
      expect(multiAnswerScores(gold, said).jaccard).toBeCloseTo(multiAnswerScores(said, gold).jaccard, 12)
      expect(precisionRecallF1(gold, said, { average: 'macro' }).precision).toBeCloseTo(
        precisionRecallF1(said, gold, { average: 'macro' }).recall,
        12,
      )
    }
  })

  it('of embeddings, which are 1 for identical texts', async () => {
    const embed = async (texts: readonly string[]) =>
      texts.map((words) => [...words].map((character) => [character.codePointAt(0)! % 7, 1, character.length]))
    const [a, b] = [pairs.map(([left]) => left), pairs.map(([, right]) => right)]
    const [one, other] = [await embeddingScore(a, b, embed), await embeddingScore(b, a, embed)]
    expect(one.f).toBeCloseTo(other.f, 12)
    expect(one.rows[0]!.precision).toBeCloseTo(other.rows[0]!.recall, 12)
    expect((await embeddingScore(a, a, embed)).f).toBeCloseTo(1, 12)
  })
})

describe('classification', () => {
  it('is 1 for equal labels, within 0 and 1 for any, and independent of the order of rows', () => {
    for (let round = 0; round < 50; round++) {
      const size = 1 + below(20)
      const [gold, said] = [0, 1].map(() => Array.from({ length: size }, () => ['A', 'B', 'AC', ''][below(4)]!)) as [
        string[],
        string[],
      ]
      for (const average of ['macro', 'micro', 'weighted'] as const) {
        expect(precisionRecallF1(gold, gold, { average })).toMatchObject({ precision: 1, recall: 1, f1: 1 })
        const scores = precisionRecallF1(gold, said, { average })
        for (const value of [scores.precision, scores.recall, scores.f1]) {
          expect(value).toBeGreaterThanOrEqual(0)
          expect(value).toBeLessThanOrEqual(1)
        }
        expect(precisionRecallF1(reversed(gold), reversed(said), { average }).f1).toBeCloseTo(scores.f1, 12)
      }
      expect(weightedF1(gold, gold)).toBe(1)
    }
  })
})

describe('distinctN and termRecall', () => {
  it('lie between 0 and 1; a text names its own terms', () => {
    for (const { predictions, references } of rounds) {
      for (const n of [1, 2]) {
        const value = distinctN([...predictions, '患者服药'], n)
        expect(value).toBeGreaterThan(0)
        expect(value).toBeLessThanOrEqual(1)
      }
      expect(termRecall(references, references, ['药', '肝炎', '患者']).recall).toBe(1)
      const { recall } = termRecall(predictions, references, ['药', '肝炎', '患者'])
      expect(recall).toBeGreaterThanOrEqual(0)
      expect(recall).toBeLessThanOrEqual(1)
    }
  })
})
