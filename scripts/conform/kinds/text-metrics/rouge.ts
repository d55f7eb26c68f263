import { loadJieba, type PrecisionRecall, type Rouge, rouge, rougeChinese, rougeL, rougeN } from '@qilin-med/metrics'
import type { Case, Folders } from '../../kind'
import { difference, largest, numeric, type Pair, readMetrics, readPairs } from './compare'

type Triple = [precision: number, recall: number, f: number]
type ChineseScores = Readonly<Record<string, Triple>> | { readonly error: string; readonly message: string }

interface Row {
  readonly i: number
  readonly rouge_chinese_char: ChineseScores
  readonly rouge_chinese_jieba: ChineseScores
  readonly rouge_score_char: Readonly<Record<keyof Rouge, Triple>>
  readonly rouge_score_default?: Readonly<Record<string, Triple>>
}

interface File {
  readonly averaged_rows: readonly number[]
  readonly rouge_chinese_average: Readonly<
    Record<'char' | 'jieba', Readonly<Record<string, { r: number; p: number; f: number }>>>
  >
  readonly rows: readonly Row[]
}

/** rouge-chinese on characters and jieba words, rouge-score on characters and with its own tokenizer. */
export function rougeCases({ golden }: Folders): Case[] {
  const file = readMetrics<File>(golden, 'rouge')
  if (file === undefined) return []
  const pairs = readPairs(golden)
  return [
    ...(['char', 'jieba'] as const).flatMap((tokens) => [
      numeric('rouge', `rouge-chinese ${tokens}`, () => chineseDifference(file.rows, tokens, pairs)),
      numeric('rouge', `rouge-chinese ${tokens} average`, () => averageDifference(file, tokens, pairs)),
    ]),
    numeric('rouge', 'rouge-score characters', () =>
      largest(file.rows.map((row) => characterDifference(row, pairs[row.i]!))),
    ),
    numeric('rouge', 'rouge-score default', () =>
      largest(file.rows.map((row) => defaultDifference(row, pairs[row.i]!))),
    ),
  ]
}

const tokensOf = async (name: 'char' | 'jieba') => (name === 'char' ? name : await loadJieba())

/** Where the package raises, our row must be marked empty. */
async function chineseDifference(
  rows: readonly Row[],
  name: 'char' | 'jieba',
  pairs: readonly Pair[],
): Promise<number> {
  const tokens = await tokensOf(name)
  return largest(
    rows.map((row) => {
      const { pred, ref } = pairs[row.i]!
      const ours = rougeChinese([pred], [ref], { tokens }).rows[0]!
      const expected = row[`rouge_chinese_${name}`]
      if ('error' in expected) return ours.empty === undefined ? Number.POSITIVE_INFINITY : 0
      const scores = expected as Readonly<Record<string, Triple>>
      return largest([
        apart(ours.rouge1, scores['rouge-1']!),
        apart(ours.rouge2, scores['rouge-2']!),
        apart(ours.rougeL, scores['rouge-l']!),
      ])
    }),
  )
}

async function averageDifference(file: File, name: 'char' | 'jieba', pairs: readonly Pair[]): Promise<number> {
  const tokens = await tokensOf(name)
  const rows = file.averaged_rows.map((i) => pairs[i]!)
  const ours = rougeChinese(
    rows.map((pair) => pair.pred),
    rows.map((pair) => pair.ref),
    { tokens },
  )
  const expected = file.rouge_chinese_average[name]
  const triple = (key: string): Triple => [expected[key]!.p, expected[key]!.r, expected[key]!.f]
  return largest([
    apart(ours.rouge1, triple('rouge-1')),
    apart(ours.rouge2, triple('rouge-2')),
    apart(ours.rougeL, triple('rouge-l')),
  ])
}

function characterDifference(row: Row, { pred, ref }: Pair): number {
  const ours = rouge([pred], [ref])
  return largest(
    Object.entries(row.rouge_score_char).map(([key, expected]) => apart(ours[key as keyof Rouge], expected)),
  )
}

function defaultDifference(row: Row, { pred, ref }: Pair): number {
  const options = { tokens: 'latin' } as const
  return largest(
    Object.entries(row.rouge_score_default ?? {}).map(([key, expected]) =>
      apart(key === 'rougeL' ? rougeL(pred, ref, options) : rougeN(pred, ref, Number(key.slice(5)), options), expected),
    ),
  )
}

const apart = (ours: PrecisionRecall, [precision, recall, f]: Triple): number =>
  largest([difference(ours.precision, precision), difference(ours.recall, recall), difference(ours.f, f)])
