import { checkTexts } from '../errors'
import { lcsLength } from './lcs'
import { type Overlap, overlapCounter } from './ngram-overlap'
import type { PrecisionRecall } from './precision-recall'
import type { Tokenizer } from './tokenizer'
import { type Interner, interner, pushToken, type TokenBuffer, tokenBuffer } from './tokens'
import { splitWhitespace, stripEnd } from './whitespace'

/** ROUGE of one pair as rouge-chinese gives it, between 0 and 1; `empty` where that package raises. */
export interface RougeChineseRow {
  readonly rouge1: PrecisionRecall
  readonly rouge2: PrecisionRecall
  readonly rougeL: PrecisionRecall
  /** The side without any token; all values are then 0. */
  readonly empty?: 'prediction' | 'reference'
}

/** Means over the pairs that are not empty, and all pairs. */
export interface RougeChinese {
  readonly rouge1: PrecisionRecall
  readonly rouge2: PrecisionRecall
  readonly rougeL: PrecisionRecall
  readonly rows: readonly RougeChineseRow[]
  /** Pairs left out of the means because a side is empty. */
  readonly empty: number
}

/**
 * ROUGE-1, ROUGE-2 and ROUGE-L with the definitions of the Python package rouge-chinese 1.0.3: n-grams as sets, F with 1e-8 in
 * its denominator, sentences only re-joined. Many Chinese papers report these, on words of jieba.
 *
 * The package raises on empty text; here the row is marked, scores 0 and stays out of the means.
 *
 * @param options.tokens  characters by default, words by passing what `loadJieba` gives
 * @throws MetricsError `length-mismatch`, `empty`
 */
export function rougeChinese(
  predictions: readonly string[],
  references: readonly string[],
  { tokens = 'char' }: { readonly tokens?: 'char' | Tokenizer } = {},
): RougeChinese {
  checkTexts('rougeChinese', ['predictions', 'references'], [predictions, references])
  const overlaps = overlapCounter()
  const [prediction, reference] = [tokenBuffer(), tokenBuffer()]
  const words = interner()
  const rows = predictions.map((text, i): RougeChineseRow => {
    fill(prediction, text, tokens, words)
    fill(reference, references[i]!, tokens, words)
    if (prediction.length === 0) return { ...zero, empty: 'prediction' }
    if (reference.length === 0) return { ...zero, empty: 'reference' }
    const [unigrams, bigrams] = overlaps.count(prediction, reference, 2, true)
    const both = lcsLength(reference.ids, reference.length, prediction.ids, prediction.length)
    return {
      rouge1: scores(unigrams!),
      rouge2: scores(bigrams!),
      rougeL: scores({ prediction: prediction.length, reference: reference.length, both }),
    }
  })
  const filled = rows.filter((row) => row.empty === undefined)
  return {
    rouge1: meanOf(filled.map((row) => row.rouge1)),
    rouge2: meanOf(filled.map((row) => row.rouge2)),
    rougeL: meanOf(filled.map((row) => row.rougeL)),
    rows,
    empty: rows.length - filled.length,
  }
}

const none: PrecisionRecall = { precision: 0, recall: 0, f: 0 }
const zero = { rouge1: none, rouge2: none, rougeL: none }

/**
 * Tokens of a text. The package takes words joined by spaces, breaks the line after sentence marks and splits every line at white
 * space again; all of this only matters where a line is blank: it then yields one empty token.
 */
function fill(buffer: TokenBuffer, text: string, tokens: 'char' | Tokenizer, words: Interner): void {
  buffer.length = 0
  const joined = (tokens === 'char' ? [...text] : tokens.cut(text)).join(' ')
  const broken = stripEnd(
    joined
      .replace(/([。！？?])([^”’])/g, '$1\n$2')
      .replace(/(\.{6})([^”’])/g, '$1\n$2')
      .replace(/(…{2})([^”’])/g, '$1\n$2')
      .replace(/([。！？?][”’])([^，。！？?])/g, '$1\n$2'),
  )
  for (const line of broken.split('\n')) {
    if (line === '') continue
    const parts = splitWhitespace(line)
    if (parts.length === 0) pushToken(buffer, emptyToken)
    for (const part of parts) pushToken(buffer, words.id(part))
  }
}

/** Number of the empty token; a space never is a token here. */
const emptyToken = 0x20

function scores({ prediction, reference, both }: Overlap): PrecisionRecall {
  const precision = prediction === 0 ? 0 : both / prediction
  const recall = reference === 0 ? 0 : both / reference
  return { precision, recall, f: 2 * ((precision * recall) / (precision + recall + 1e-8)) }
}

function meanOf(values: readonly PrecisionRecall[]): PrecisionRecall {
  if (values.length === 0) return none
  const mean = (pick: (value: PrecisionRecall) => number): number =>
    values.reduce((sum, value) => sum + pick(value), 0) / values.length
  return { precision: mean((v) => v.precision), recall: mean((v) => v.recall), f: mean((v) => v.f) }
}
