import { MetricsError } from '../errors'
import { clippedMatcher, closerLength } from './clipped-matches'
import { type References, referenceLists } from './references'
import type { Tokenizer } from './tokenizer'
import { interner, pushToken, type TokenBuffer, tokenBuffer } from './tokens'

/** NLTK's smoothing functions; method 6 is left out, since it fails on short texts. */
export type NltkSmoothing = 'method0' | 'method1' | 'method2' | 'method3' | 'method4' | 'method5' | 'method7'

/** How NLTK's BLEU is computed. */
export interface NltkBleuOptions {
  /** `method3` by default, as LLaMA-Factory and many Chinese papers use it. */
  readonly smoothing?: NltkSmoothing
  /** Weights of the orders; four equal ones by default. */
  readonly weights?: readonly number[]
  /** Characters by default; words by passing what `loadJieba` gives. */
  readonly tokens?: 'char' | Tokenizer
}

/**
 * BLEU of one sentence between 0 and 1 as `nltk.translate.bleu_score.sentence_bleu` gives it; with the defaults the `bleu-4`
 * that LLaMA-Factory averages over its rows. Methods 5 and 7 can pass 1.
 */
export function nltkSentenceBleu(
  prediction: string,
  references: string | readonly string[],
  options: NltkBleuOptions = {},
): number {
  return nltkCorpusBleu([prediction], [references], options)
}

/**
 * Corpus BLEU between 0 and 1 as NLTK's `corpus_bleu`; without smoothing unless named. Smoothing methods 4 to 7 look at a
 * single sentence and are refused for more.
 *
 * @throws MetricsError `length-mismatch`, `empty`, `missing-reference`, `option`
 */
export function nltkCorpusBleu(
  predictions: readonly string[],
  references: References,
  options: NltkBleuOptions = {},
): number {
  const {
    smoothing = predictions.length === 1 ? 'method3' : 'method0',
    weights = [0.25, 0.25, 0.25, 0.25],
    tokens = 'char',
  } = options
  const lists = referenceLists('nltkBleu', predictions, references)
  if (predictions.length > 1 && sentenceOnly.has(smoothing))
    throw new MetricsError(
      'option',
      `nltkBleu: expected a smoothing of whole corpora, got ${smoothing}. Use method0 to method3.`,
      {
        operation: 'nltkBleu',
      },
    )
  // Methods 5 and 7 average each order with its neighbours and need one order more.
  const orders = Math.max(weights.length, sentenceOnly.has(smoothing) ? 5 : 1)
  const counts = count(predictions, lists, tokens, orders)
  if (counts.matches[0] === 0) return 0
  const penalty = brevityPenalty(counts.predictionLength, counts.referenceLength)
  const fractions = counts.matches.map((matched, n) => ({ matched, total: counts.totals[n]! }))
  const precisions = smooth(fractions, weights.length, smoothing, counts.predictionLength)
  const logs = precisions.reduce(
    (sum, precision, n) => (precision > 0 ? sum + weights[n]! * Math.log(precision) : sum),
    0,
  )
  return penalty * Math.exp(logs)
}

const sentenceOnly: ReadonlySet<string> = new Set(['method4', 'method5', 'method7'])

function brevityPenalty(predictionLength: number, referenceLength: number): number {
  if (predictionLength > referenceLength) return 1
  return predictionLength === 0 ? 0 : Math.exp(1 - referenceLength / predictionLength)
}

interface Fraction {
  readonly matched: number
  readonly total: number
}

const smallestFloat = 2.2250738585072014e-308

/** Precisions of orders 1..n after smoothing; `fractions` may hold one order more, for the neighbours of the last. */
function smooth(fractions: readonly Fraction[], n: number, method: NltkSmoothing, predictionLength: number): number[] {
  const plain = fractions.slice(0, n)
  switch (method) {
    case 'method0':
      return plain.map(({ matched, total }) => (matched === 0 ? smallestFloat : matched / total))
    case 'method1':
      return plain.map(({ matched, total }) => (matched === 0 ? 0.1 : matched) / total)
    case 'method2':
      return plain.map(({ matched, total }, i) => (i === 0 ? matched / total : (matched + 1) / (total + 1)))
    case 'method3':
      return halved(plain, (k) => 1 / 2 ** k)
    case 'method4':
      return shortened(plain, predictionLength)
    case 'method5':
      return averaged(
        plain.map(({ matched, total }) => matched / total),
        fractions[4]!,
      )
    case 'method7':
      return averaged(shortened(plain, predictionLength), fractions[4]!)
  }
}

/** A missing order gets the numerator that `numerator` gives for the first, second, ... missing one. */
function halved(fractions: readonly Fraction[], numerator: (missing: number) => number): number[] {
  let missing = 0
  return fractions.map(({ matched, total }) => (matched === 0 ? numerator(++missing) : matched) / total)
}

/** Chen and Cherry's method 4: short texts get smaller counts. */
function shortened(fractions: readonly Fraction[], predictionLength: number): number[] {
  if (predictionLength <= 1) return fractions.map(({ matched, total }) => matched / total)
  return halved(fractions, (k) => 1 / ((2 ** k * 5) / Math.log(predictionLength)))
}

/** Method 5: every precision becomes the mean of its smoothed left neighbour, itself and its right neighbour. */
function averaged(precisions: readonly number[], beyond: Fraction): number[] {
  const next = [...precisions, beyond.matched / beyond.total]
  let left = precisions[0]! + 1
  return precisions.map((precision, i) => {
    left = (left + precision + next[i + 1]!) / 3
    return left
  })
}

function count(
  predictions: readonly string[],
  lists: readonly (readonly string[])[],
  cut: 'char' | Tokenizer,
  orders: number,
) {
  const [prediction, reference] = [tokenBuffer(), tokenBuffer()]
  const matcher = clippedMatcher(orders)
  const words = interner()
  const matches = new Array<number>(orders).fill(0)
  const totals = new Array<number>(orders).fill(0)
  let [predictionLength, referenceLength] = [0, 0]
  predictions.forEach((text, row) => {
    fill(prediction, text, cut, words)
    matcher.start(prediction)
    let closest = -1
    for (const other of lists[row]!) {
      fill(reference, other, cut, words)
      matcher.reference(reference)
      closest = closerLength(prediction.length, closest, reference.length)
    }
    matcher.matches(matches, 0)
    predictionLength += prediction.length
    referenceLength += closest
    for (let n = 0; n < orders; n++) totals[n]! += Math.max(1, prediction.length - n) // NLTK never divides by zero
  })
  return { matches, totals, predictionLength, referenceLength }
}

function fill(buffer: TokenBuffer, text: string, cut: 'char' | Tokenizer, words: { id(token: string): number }): void {
  buffer.length = 0
  for (const token of cut === 'char' ? text : cut.cut(text)) pushToken(buffer, words.id(token))
}
