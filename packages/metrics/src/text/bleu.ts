import { MetricsError } from '../errors'
import { clippedMatcher, closerLength } from './clipped-matches'
import { type CorpusMetric, float64, type Rounding, type Statistics, sumRows } from './corpus-metric'
import { fixed } from './fixed'
import { type References, referenceCount, referenceLists } from './references'
import { sharedFields, signature } from './signature'
import { encoderOf, type Tokenizer, type TokenizerName, tokenizerName } from './tokenizer'
import { interner, type TokenBuffer, tokenBuffer } from './tokens'
import { stripEnd } from './whitespace'

/** What to do with an n-gram order that has no match: sacrebleu's four methods. */
export type BleuSmoothing = 'exp' | 'floor' | 'add-k' | 'none'

/** How BLEU is computed; the defaults are sacrebleu's with the Chinese tokenizer. */
export interface BleuOptions {
  /** `zh` by default; words of jieba by passing what `loadJieba` gives. */
  readonly tokenizer?: TokenizerName | Tokenizer
  readonly smoothing?: BleuSmoothing
  /** Value of `floor` (0.1 by default) and `add-k` (1 by default). */
  readonly smoothingValue?: number
  /** Longest n-grams counted; 4 by default. */
  readonly maxOrder?: number
  /** Leave out orders that the text is too short for; sensible for single sentences. */
  readonly effectiveOrder?: boolean
  readonly lowercase?: boolean
}

/** A BLEU score between 0 and 100 and what it is made of. */
export interface BleuScore {
  readonly score: number
  /** Matched n-grams of each order, clipped (with `add-k`, smoothed). */
  readonly counts: readonly number[]
  /** N-grams of each order in the predictions. */
  readonly totals: readonly number[]
  /** Precision of each order in percent, smoothed. */
  readonly precisions: readonly number[]
  readonly brevityPenalty: number
  /** Tokens of the predictions. */
  readonly predictionLength: number
  /** Tokens of the references; of several, the closest in length to each prediction. */
  readonly referenceLength: number
  /** sacrebleu's reproducibility signature. */
  readonly signature: string
}

/**
 * Corpus BLEU of predictions against their references, as sacrebleu 2.6 computes it.
 *
 * @param references  for each prediction one text or a list of texts
 * @throws MetricsError `length-mismatch`, `empty`, `missing-reference`, `option`
 * @see Papineni et al. 2002; Post 2018 (https://aclanthology.org/W18-6319)
 */
export function bleu(predictions: readonly string[], references: References, options: BleuOptions = {}): BleuScore {
  const metric = bleuMetric(options)
  const statistics = metric.statistics(predictions, references)
  return metric.compute(sumRows(statistics), statistics.references)
}

/** BLEU of one sentence; `effectiveOrder` is on unless switched off. */
export function sentenceBleu(
  prediction: string,
  references: string | readonly string[],
  options: BleuOptions = {},
): BleuScore {
  return bleu([prediction], [references], { effectiveOrder: true, ...options })
}

/** BLEU as additive statistics, for resampling tests. */
export function bleuMetric(options: BleuOptions = {}): CorpusMetric<BleuScore> {
  const { tokenizer = 'zh', smoothing = 'exp', maxOrder = 4, effectiveOrder = false, lowercase = false } = options
  checkOptions(smoothing, maxOrder)
  const smoothingValue = options.smoothingValue ?? smoothingDefaults[smoothing]
  const describe = (count: number | 'var', bootstrap?: { samples: number; seed: number }): string =>
    signature({
      ...sharedFields(count, bootstrap),
      case: lowercase ? 'lc' : 'mixed',
      eff: effectiveOrder,
      tok: tokenizerName(tokenizer),
      smooth: smoothingValue === undefined ? smoothing : `${smoothing}[${smoothingValue.toFixed(2)}]`,
    })
  return {
    name: 'BLEU',
    float32Scores: false,
    statistics: (predictions, references) => collect(predictions, references, tokenizer, maxOrder, lowercase),
    compute: (sum, count, rounding = float64) => ({
      ...scoreOf(sum, { smoothing, smoothingValue, maxOrder, effectiveOrder }, rounding),
      signature: describe(count),
    }),
    signature: describe,
  }
}

const smoothingDefaults: Readonly<Record<BleuSmoothing, number | undefined>> = {
  exp: undefined,
  floor: 0.1,
  'add-k': 1,
  none: undefined,
}

function checkOptions(smoothing: string, maxOrder: number): void {
  if (!Object.hasOwn(smoothingDefaults, smoothing))
    throw new MetricsError(
      'option',
      `bleu: expected smoothing exp, floor, add-k or none, got '${smoothing}'. Name one of them.`,
      {
        operation: 'bleu',
      },
    )
  if (!Number.isInteger(maxOrder) || maxOrder < 1)
    throw new MetricsError(
      'option',
      `bleu: expected maxOrder of at least 1, got ${maxOrder}. Use 4 for the usual BLEU.`,
      {
        operation: 'bleu',
      },
    )
}

/** Rows of [prediction length, reference length, matches of order 1..n, n-grams of order 1..n]. */
function collect(
  predictions: readonly string[],
  references: References,
  tokenizer: TokenizerName | Tokenizer,
  maxOrder: number,
  lowercase: boolean,
): Statistics {
  const lists = referenceLists('bleu', predictions, references)
  const encode = encoderOf(tokenizer)
  const tokens = interner()
  const [prediction, reference] = [tokenBuffer(), tokenBuffer()]
  const matcher = clippedMatcher(maxOrder)
  const width = 2 + 2 * maxOrder
  const values = new Float64Array(predictions.length * width)
  const read = (text: string, buffer: TokenBuffer): void => {
    buffer.length = 0
    encode(stripEnd(lowercase ? text.toLowerCase() : text), tokens, buffer)
  }
  for (let row = 0; row < predictions.length; row++) {
    const at = row * width
    read(predictions[row]!, prediction)
    matcher.start(prediction)
    let closest = -1
    for (const text of lists[row]!) {
      read(text, reference)
      closest = closerLength(prediction.length, closest, reference.length)
      matcher.reference(reference)
    }
    values[at] = prediction.length
    values[at + 1] = closest
    matcher.matches(values, at + 2)
    for (let n = 0; n < maxOrder; n++) values[at + 2 + maxOrder + n] = Math.max(0, prediction.length - n)
  }
  return { rows: predictions.length, width, values, references: referenceCount(lists) }
}

interface Scoring {
  readonly smoothing: BleuSmoothing
  readonly smoothingValue: number | undefined
  readonly maxOrder: number
  readonly effectiveOrder: boolean
}

function scoreOf(sum: ArrayLike<number>, options: Scoring, round: Rounding): Omit<BleuScore, 'signature'> {
  const { smoothing, smoothingValue = 0, maxOrder, effectiveOrder } = options
  const predictionLength = sum[0]!
  const referenceLength = sum[1]!
  const counts = Array.from({ length: maxOrder }, (_, n) => sum[2 + n]!)
  const totals = Array.from({ length: maxOrder }, (_, n) => sum[2 + maxOrder + n]!)
  const precisions = new Array<number>(maxOrder).fill(0)
  const penalty = brevityPenalty(predictionLength, referenceLength)
  const rest = { counts, totals, precisions, brevityPenalty: penalty, predictionLength, referenceLength }
  if (counts.every((count) => count === 0)) return { score: 0, ...rest }
  let orders = maxOrder
  let divisor = 1
  for (let n = 0; n < maxOrder; n++) {
    if (smoothing === 'add-k' && n > 0) {
      counts[n] = round(counts[n]! + smoothingValue)
      totals[n] = round(totals[n]! + smoothingValue)
    }
    // A missing order ends the loop; unless orders are effective, its precision of 0 makes the score 0.
    if (totals[n] === 0) break
    if (effectiveOrder) orders = n + 1
    if (counts[n]! > 0) precisions[n] = round(round(100 * counts[n]!) / totals[n]!)
    else if (smoothing === 'exp') precisions[n] = round(100 / round((divisor *= 2) * totals[n]!))
    else if (smoothing === 'floor') precisions[n] = round(round(100 * smoothingValue) / totals[n]!)
  }
  let logs = 0
  for (let n = 0; n < orders; n++) logs += precisions[n] === 0 ? -9999999999 : Math.log(precisions[n]!)
  return { score: penalty * Math.exp(logs / orders), ...rest }
}

function brevityPenalty(predictionLength: number, referenceLength: number): number {
  if (predictionLength >= referenceLength) return 1
  return predictionLength > 0 ? Math.exp(1 - referenceLength / predictionLength) : 0
}

/**
 * A score on one line as sacrebleu prints it: `BLEU = 56.26 81.4/57.7/49.2/43.5 (BP = 0.999 ratio = 0.999 ...)`.
 *
 * @param options.interval  mean and half width of a bootstrap, printed as `(μ = … ± …)`
 */
export function formatBleu(
  score: BleuScore,
  {
    digits = 2,
    interval,
  }: { readonly digits?: number; readonly interval?: { readonly mean: number; readonly ci: number } } = {},
): string {
  const { precisions, brevityPenalty: penalty, predictionLength, referenceLength } = score
  const ratio = referenceLength > 0 ? predictionLength / referenceLength : 0
  const parts = precisions.map((precision) => fixed(precision, 1)).join('/')
  const spread =
    interval && interval.mean > 0 ? ` (μ = ${fixed(interval.mean, digits)} ± ${fixed(interval.ci, digits)})` : ''
  const lengths = `hyp_len = ${predictionLength} ref_len = ${referenceLength}`
  return `BLEU = ${fixed(score.score, digits)}${spread} ${parts} (BP = ${fixed(penalty, 3)} ratio = ${fixed(ratio, 3)} ${lengths})`
}
