import {
  answerMatch,
  characterF1,
  exactMatch,
  loadJieba,
  type NltkSmoothing,
  nltkCorpusBleu,
  nltkSentenceBleu,
  substringF1,
} from '@qilin-med/metrics'
import type { Case, Folders } from '../../kind'
import { difference, type Golden, largest, numeric, type Pair, readMetrics, readPairs } from './compare'

interface NltkFile {
  readonly corpus: Readonly<Record<string, Golden>>
  readonly rows: readonly (Readonly<Record<string, Golden>> & { readonly i: number })[]
}

/** NLTK's BLEU with its smoothing functions. */
export function nltkCases({ golden }: Folders): Case[] {
  const file = readMetrics<NltkFile>(golden, 'nltk_bleu')
  if (file === undefined) return []
  const pairs = readPairs(golden)
  const [predictions, references] = [pairs.map((pair) => pair.pred), pairs.map((pair) => pair.ref)]
  const keys = [...new Set(file.rows.flatMap((row) => Object.keys(row)))].filter((key) => key !== 'i')
  return [
    ...Object.entries(file.corpus).map(([method, expected]) =>
      numeric('nltk_bleu', `corpus ${method}`, () =>
        difference(nltkCorpusBleu(predictions, references, { smoothing: method as NltkSmoothing }), expected),
      ),
    ),
    ...keys.map((key) =>
      numeric('nltk_bleu', `sentence ${key}`, async () => {
        const score = await sentenceScore(key)
        return largest(file.rows.filter((row) => key in row).map((row) => difference(score(pairs[row.i]!), row[key]!)))
      }),
    ),
  ]
}

/** The score behind a key such as `method3` or `method3_jieba`. */
async function sentenceScore(key: string): Promise<(pair: Pair) => number> {
  const [method, variant] = key.split(/_(.*)/)
  const smoothing = method as NltkSmoothing
  switch (variant) {
    case undefined:
      return ({ pred, ref }) => nltkSentenceBleu(pred, ref, { smoothing })
    case 'two_references':
      return ({ pred, ref, ref2 }) => nltkSentenceBleu(pred, [ref, ref2], { smoothing })
    case 'bigram':
      return ({ pred, ref }) => nltkSentenceBleu(pred, ref, { smoothing, weights: [0.5, 0.5] })
    case 'jieba': {
      const tokens = await loadJieba()
      return ({ pred, ref }) => nltkSentenceBleu(pred, ref, { smoothing, tokens })
    }
    default:
      throw new Error(`unknown NLTK score ${key}`)
  }
}

interface AnswerRow {
  readonly i: number
  readonly exact_match_raw: number
  readonly exact_match: number
  readonly precision: number
  readonly recall: number
  readonly f1: number
  readonly f1_longest_common_substring: number
}

/** Exact match and character F1. */
export function answerCases({ golden }: Folders): Case[] {
  const file = readMetrics<{ mean: Readonly<Record<string, number>>; rows: AnswerRow[] }>(golden, 'qa_f1')
  if (file === undefined) return []
  const pairs = readPairs(golden)
  return [
    numeric('qa_f1', 'rows', () => largest(file.rows.map((row) => answerDifference(row, pairs[row.i]!)))),
    numeric('qa_f1', 'means', () => {
      const rows = file.rows.map((row) => pairs[row.i]!)
      const ours = answerMatch(
        rows.map((pair) => pair.pred),
        rows.map((pair) => pair.ref),
      )
      return largest([
        difference(ours.exactMatch, file.mean.exact_match!),
        difference(ours.f1, file.mean.f1!),
        difference(ours.substringF1, file.mean.f1_longest_common_substring!),
      ])
    }),
  ]
}

function answerDifference(row: AnswerRow, { pred, ref }: Pair): number {
  const { precision, recall, f } = characterF1(pred, ref)
  return largest([
    difference(Number(pred === ref), row.exact_match_raw),
    difference(Number(exactMatch(pred, ref)), row.exact_match),
    difference(precision, row.precision),
    difference(recall, row.recall),
    difference(f, row.f1),
    difference(substringF1(pred, ref), row.f1_longest_common_substring),
  ])
}
