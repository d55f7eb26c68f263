import { type CorpusMetric, float64, type Rounding, type Statistics, sumRows } from './corpus-metric'
import { type Overlap, overlapCounter } from './ngram-overlap'
import { type References, referenceCount, referenceLists } from './references'
import { sharedFields, signature } from './signature'
import { type Interner, interner, pushToken, type TokenBuffer, tokenBuffer } from './tokens'
import { isWhitespace, splitWhitespace } from './whitespace'

/** How chrF is computed; the defaults are sacrebleu's (chrF2). */
export interface ChrfOptions {
  /** Longest character n-grams; 6 by default. */
  readonly charOrder?: number
  /** Longest word n-grams; 0 by default, 2 gives chrF++. */
  readonly wordOrder?: number
  /** How many times recall counts as much as precision; 2 by default. */
  readonly beta?: number
  readonly lowercase?: boolean
  /** Keep white space in character n-grams. */
  readonly whitespace?: boolean
  /** Average F over all orders with tiny values for missing ones, as chrF++.py; otherwise only orders that both sides have. */
  readonly epsSmoothing?: boolean
}

/** A chrF score between 0 and 100. */
export interface ChrfScore {
  readonly score: number
  /** `chrF2`, `chrF2++`, ... */
  readonly name: string
  readonly signature: string
}

/**
 * Corpus chrF (or chrF++) of predictions against their references, as sacrebleu 2.6 computes it.
 *
 * @throws MetricsError `length-mismatch`, `empty`, `missing-reference`
 * @see Popović 2015 (https://aclanthology.org/W15-3049), 2017 (https://aclanthology.org/W17-4770)
 */
export function chrf(predictions: readonly string[], references: References, options: ChrfOptions = {}): ChrfScore {
  const metric = chrfMetric(options)
  const statistics = metric.statistics(predictions, references)
  return metric.compute(sumRows(statistics), statistics.references)
}

/** chrF as additive statistics, for resampling tests. */
export function chrfMetric(options: ChrfOptions = {}): CorpusMetric<ChrfScore> {
  const {
    charOrder = 6,
    wordOrder = 0,
    beta = 2,
    lowercase = false,
    whitespace = false,
    epsSmoothing = false,
  } = options
  const settings = { charOrder, wordOrder, beta, lowercase, whitespace, epsSmoothing }
  const name = `chrF${beta}${'+'.repeat(wordOrder)}`
  const describe = (count: number | 'var', bootstrap?: { samples: number; seed: number }): string =>
    signature({
      ...sharedFields(count, bootstrap),
      case: lowercase ? 'lc' : 'mixed',
      eff: !epsSmoothing,
      nc: charOrder,
      nw: wordOrder,
      space: whitespace,
    })
  return {
    name,
    float32Scores: true,
    statistics: (predictions, references) => collect(predictions, references, settings),
    compute: (sum, count, rounding = float64) => ({
      score: scoreOf(sum, settings, rounding),
      name,
      signature: describe(count),
    }),
    signature: describe,
  }
}

type Settings = Required<ChrfOptions>

/** Rows of [prediction, reference, both] for each character order, then each word order. */
function collect(predictions: readonly string[], references: References, settings: Settings): Statistics {
  const lists = referenceLists('chrf', predictions, references)
  const count = overlapsOf(settings)
  const width = 3 * (settings.charOrder + settings.wordOrder)
  const values = new Float64Array(predictions.length * width)
  const normal = (text: string): string => (settings.lowercase ? text.toLowerCase() : text)
  predictions.forEach((prediction, row) => {
    let best = Number.NEGATIVE_INFINITY
    for (const reference of lists[row]!) {
      const statistics = count(normal(prediction), normal(reference)).flatMap(({ prediction, reference, both }) => [
        reference > 0 ? prediction : 0, // an order that the reference lacks does not count against the prediction
        reference,
        both,
      ])
      const score = scoreOf(statistics, settings, float64)
      if (score <= best) continue
      best = score
      values.set(statistics, row * width)
    }
  })
  return { rows: predictions.length, width, values, references: referenceCount(lists) }
}

function overlapsOf({
  charOrder,
  wordOrder,
  whitespace,
}: Settings): (prediction: string, reference: string) => Overlap[] {
  const overlaps = overlapCounter()
  const [prediction, reference] = [tokenBuffer(), tokenBuffer()]
  const words = interner()
  return (left, right) => {
    fillCharacters(prediction, left, whitespace)
    fillCharacters(reference, right, whitespace)
    const characters = overlaps.count(prediction, reference, charOrder, false)
    if (wordOrder === 0) return characters
    fillWords(prediction, left, words)
    fillWords(reference, right, words)
    return [...characters, ...overlaps.count(prediction, reference, wordOrder, false)]
  }
}

function fillCharacters(buffer: TokenBuffer, text: string, whitespace: boolean): void {
  buffer.length = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i)!
    if (code > 0xffff) i++
    if (whitespace || !isWhitespace(code)) pushToken(buffer, code)
  }
}

const punctuation = new Set('!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~')

/** Words with one leading or trailing ASCII punctuation mark set apart; the trailing one goes first, so `(hi)` gives `(hi` and `)`. */
function fillWords(buffer: TokenBuffer, text: string, words: Interner): void {
  buffer.length = 0
  for (const word of splitWhitespace(text)) {
    const single = word.length === 1 || (word.length === 2 && word.codePointAt(0)! > 0xffff)
    const cut = single ? 0 : punctuation.has(word.at(-1)!) ? word.length - 1 : punctuation.has(word[0]!) ? 1 : 0
    if (cut > 0) pushToken(buffer, words.id(word.slice(0, cut)))
    pushToken(buffer, words.id(word.slice(cut)))
  }
}

const tiny = 1e-16

function scoreOf(
  sum: ArrayLike<number>,
  { charOrder, wordOrder, beta, epsSmoothing }: Settings,
  round: Rounding,
): number {
  const orders = charOrder + wordOrder
  const factor = beta ** 2
  let [total, precisions, recalls, effective] = [0, 0, 0, 0]
  for (let i = 0; i < orders; i++) {
    const [predicted, wanted, both] = [sum[3 * i]!, sum[3 * i + 1]!, sum[3 * i + 2]!]
    const precision = predicted > 0 ? round(both / predicted) : tiny
    const recall = wanted > 0 ? round(both / wanted) : tiny
    const weight = round(round(factor * precision) + recall)
    total = round(total + (weight > 0 ? round(round(round((1 + factor) * precision) * recall) / weight) : tiny))
    if (predicted === 0 || wanted === 0) continue
    precisions = round(precisions + precision)
    recalls = round(recalls + recall)
    effective++
  }
  if (epsSmoothing) return round(round(100 * total) / orders)
  if (effective === 0 || precisions + recalls === 0) return 0
  const precision = round(precisions / effective)
  const recall = round(recalls / effective)
  const f = round(round(round((1 + factor) * precision) * recall) / round(round(factor * precision) + recall))
  return round(100 * f)
}
