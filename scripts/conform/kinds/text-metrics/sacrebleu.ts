import {
  type BleuOptions,
  bleu,
  chrf,
  type chrfMetric,
  formatBleu,
  type References,
  sentenceBleu,
  ter,
  tokenize,
} from '@qilin-med/metrics'
import type { Case, Folders } from '../../kind'
import {
  difference,
  differences,
  exact,
  type Golden,
  largest,
  numeric,
  type Pair,
  readMetrics,
  readPairs,
  same,
} from './compare'

interface CorpusRow {
  readonly metric: 'bleu' | 'chrf' | 'ter'
  readonly references: number
  readonly first_rows?: number
  readonly score: number
  readonly signature: string
  readonly format?: string
  // BLEU
  readonly tokenize: string
  readonly smooth_method: BleuOptions['smoothing']
  readonly smooth_value: number | null
  readonly effective_order: boolean
  readonly max_ngram_order?: number
  readonly lowercase?: boolean
  readonly counts: number[]
  readonly totals: number[]
  readonly precisions: number[]
  readonly bp: number
  readonly sys_len: number
  readonly ref_len: number
  // chrF and TER
  readonly options: Readonly<Record<string, number | boolean>>
  readonly num_edits: number
  readonly ref_length: number
}

interface SentenceRow {
  readonly i: number
  readonly two_references: Readonly<Record<string, Golden>>
  readonly [metric: string]: Golden | Readonly<Record<string, Golden>>
}

interface File {
  readonly corpus: readonly CorpusRow[]
  readonly sentence: readonly SentenceRow[]
  readonly tokenized_predictions: readonly Readonly<Record<string, string | number>>[]
}

/** Corpus scores, sentence scores and tokens of sacrebleu. */
export function sacrebleuCases({ golden }: Folders): Case[] {
  const file = readMetrics<File>(golden, 'sacrebleu')
  if (file === undefined) return []
  const pairs = readPairs(golden)
  return [
    ...file.corpus.map((row) => numeric('sacrebleu', `corpus ${nameOf(row)}`, () => corpusDifference(row, pairs))),
    ...sentenceCases(file.sentence, pairs),
    ...tokenCases(file.tokenized_predictions, pairs),
  ]
}

function nameOf(row: CorpusRow): string {
  const rows = row.first_rows === undefined ? '' : ` rows=${row.first_rows}`
  const options = row.metric === 'bleu' ? '' : ` ${JSON.stringify(row.options)}`
  const order = row.max_ngram_order === undefined ? '' : ` order=${row.max_ngram_order}`
  return `${row.metric} ${row.signature}${order}${options}${rows}`
}

function corpusDifference(row: CorpusRow, pairs: readonly Pair[]): number {
  const rows = pairs.slice(0, row.first_rows ?? pairs.length)
  const predictions = rows.map((pair) => pair.pred)
  const references = rows.map((pair) => (row.references === 1 ? pair.ref : [pair.ref, pair.ref2]))
  if (row.metric === 'bleu') return bleuDifference(row, predictions, references)
  const ours =
    row.metric === 'chrf'
      ? chrf(predictions, references, chrfOptions(row.options))
      : terOf(row, predictions, references)
  const format = row.metric === 'chrf' && 'name' in ours ? `${ours.name} = ${ours.score.toFixed(4)}` : undefined
  const counts =
    'edits' in ours ? [difference(ours.edits, row.num_edits), difference(ours.referenceLength, row.ref_length)] : []
  return largest([
    difference(ours.score, row.score),
    same(ours.signature, row.signature),
    same(format, row.format),
    ...counts,
  ])
}

function bleuDifference(row: CorpusRow, predictions: readonly string[], references: References): number {
  const ours = bleu(predictions, references, bleuOptions(row))
  return largest([
    difference(ours.score, row.score),
    differences(ours.counts, row.counts),
    differences(ours.totals, row.totals),
    differences(ours.precisions, row.precisions),
    difference(ours.brevityPenalty, row.bp),
    difference(ours.predictionLength, row.sys_len),
    difference(ours.referenceLength, row.ref_len),
    same(ours.signature, row.signature),
    row.format === undefined ? 0 : same(formatBleu(ours, { digits: 4 }), row.format),
  ])
}

const bleuOptions = (row: CorpusRow): BleuOptions => ({
  tokenizer: row.tokenize as BleuOptions['tokenizer'],
  smoothing: row.smooth_method,
  smoothingValue: row.smooth_value ?? undefined,
  effectiveOrder: row.effective_order,
  maxOrder: row.max_ngram_order,
  lowercase: row.lowercase,
})

const chrfOptions = (options: Readonly<Record<string, number | boolean>>): Parameters<typeof chrfMetric>[0] => ({
  charOrder: options.char_order as number | undefined,
  wordOrder: options.word_order as number | undefined,
  beta: options.beta as number | undefined,
  lowercase: options.lowercase as boolean | undefined,
  whitespace: options.whitespace as boolean | undefined,
  epsSmoothing: options.eps_smoothing as boolean | undefined,
})

const terOf = (
  { options }: CorpusRow,
  predictions: readonly string[],
  references: References,
): ReturnType<typeof ter> =>
  ter(predictions, references, {
    normalized: options.normalized === true,
    noPunctuation: options.no_punct === true,
    asianSupport: options.asian_support === true,
    caseSensitive: options.case_sensitive === true,
  })

type SentenceScore = (prediction: string, references: readonly string[]) => number

/** The metric behind a key such as `bleu_zh_exp`, `chrfpp`, `ter_zh`. */
function sentenceScore(key: string): SentenceScore {
  const bleuKey = /^bleu_([^_]+)_([^_]+)(_fixed_order)?$/.exec(key)
  if (bleuKey) {
    const [, tokenizer, smoothing, fixed] = bleuKey
    const options = { tokenizer, smoothing, effectiveOrder: fixed === undefined } as BleuOptions
    return (prediction, references) => sentenceBleu(prediction, references, options).score
  }
  const others: Readonly<Record<string, SentenceScore>> = {
    chrf: (prediction, references) => chrf([prediction], [references]).score,
    chrfpp: (prediction, references) => chrf([prediction], [references], { wordOrder: 2 }).score,
    ter: (prediction, references) => ter([prediction], [references]).score,
    ter_zh: (prediction, references) => ter([prediction], [references], { normalized: true, asianSupport: true }).score,
  }
  const score = others[key]
  if (score === undefined) throw new Error(`unknown sentence metric ${key}`)
  return score
}

function sentenceCases(rows: readonly SentenceRow[], pairs: readonly Pair[]): Case[] {
  const keys = Object.keys(rows[0] ?? {}).filter((key) => key !== 'i' && key !== 'two_references')
  const doubled = Object.keys(rows[0]?.two_references ?? {})
  const worst = (key: string, expected: (row: SentenceRow) => Golden, references: (pair: Pair) => string[]): number =>
    largest(
      rows.map((row) => difference(sentenceScore(key)(pairs[row.i]!.pred, references(pairs[row.i]!)), expected(row))),
    )
  return [
    ...keys.map((key) =>
      numeric('sacrebleu', `sentence ${key}`, () =>
        worst(
          key,
          (row) => row[key] as Golden,
          (pair) => [pair.ref],
        ),
      ),
    ),
    ...doubled.map((key) =>
      numeric('sacrebleu', `sentence ${key} two references`, () =>
        worst(
          key,
          (row) => row.two_references[key]!,
          (pair) => [pair.ref, pair.ref2],
        ),
      ),
    ),
  ]
}

function tokenCases(rows: File['tokenized_predictions'], pairs: readonly Pair[]): Case[] {
  const names = Object.keys(rows[0] ?? {}).filter((key) => key !== 'i')
  return names.map((name) =>
    exact('sacrebleu', `tokens ${name}`, () =>
      largest(
        rows.map((row) => {
          const ours = tokenize(pairs[row.i as number]!.pred, name as Parameters<typeof tokenize>[1])
          return same(ours.join(' '), words(row[name] as string))
        }),
      ),
    ),
  )
}

/** The reference joins characters by spaces, white space among them; what counts is what remains after the split that follows. */
const words = (line: string): string => tokenize(line, 'none').join(' ')
