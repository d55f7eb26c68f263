import { type CorpusMetric, float64, type Statistics, sumRows } from './corpus-metric'
import { type References, referenceCount, referenceLists } from './references'
import { sharedFields, signature } from './signature'
import { translationEdits } from './ter-shift'
import { type TerTokenOptions, terTokens } from './ter-tokenize'
import { interner } from './tokens'

/** A translation edit rate in percent: 0 for identical texts, above 100 where more is edited than the reference has words. */
export interface TerScore {
  readonly score: number
  readonly edits: number
  /** Mean reference length of each row, summed. */
  readonly referenceLength: number
  readonly signature: string
}

/**
 * Corpus translation edit rate, as sacrebleu 2.6 computes it. For Chinese set `normalized` and `asianSupport`: otherwise
 * words are what white space separates.
 *
 * @throws MetricsError `length-mismatch`, `empty`, `missing-reference`
 * @see Snover et al. 2006 (https://aclanthology.org/2006.amta-papers.25)
 */
export function ter(predictions: readonly string[], references: References, options: TerTokenOptions = {}): TerScore {
  const metric = terMetric(options)
  const statistics = metric.statistics(predictions, references)
  return metric.compute(sumRows(statistics), statistics.references)
}

/** TER as additive statistics, for resampling tests. */
export function terMetric(options: TerTokenOptions = {}): CorpusMetric<TerScore> {
  const { normalized = false, noPunctuation = false, asianSupport = false, caseSensitive = false } = options
  const describe = (count: number | 'var', bootstrap?: { samples: number; seed: number }): string =>
    signature({
      ...sharedFields(count, bootstrap),
      case: caseSensitive ? 'mixed' : 'lc',
      tok: 'tercom',
      norm: normalized,
      punct: !noPunctuation,
      asian: asianSupport,
    })
  return {
    name: 'TER',
    float32Scores: true,
    statistics: (predictions, references) => collect(predictions, references, options),
    compute(sum, count, round = float64) {
      const [edits, referenceLength] = [sum[0]!, sum[1]!]
      // Without any reference words, an empty prediction is perfect and any other entirely wrong.
      const rate = referenceLength > 0 ? round(edits / referenceLength) : edits > 0 ? 1 : 0
      return { score: round(100 * rate), edits, referenceLength, signature: describe(count) }
    },
    signature: describe,
  }
}

/** Rows of [fewest edits to a reference, mean length of the references]. */
function collect(predictions: readonly string[], references: References, options: TerTokenOptions): Statistics {
  const lists = referenceLists('ter', predictions, references)
  const numbers = interner()
  const read = (text: string): Int32Array => Int32Array.from(terTokens(text, options), numbers.id)
  const values = new Float64Array(predictions.length * 2)
  predictions.forEach((prediction, row) => {
    const words = read(prediction)
    const wanted = lists[row]!.map(read)
    values[2 * row] = Math.min(...wanted.map((reference) => translationEdits(words, reference)))
    values[2 * row + 1] = wanted.reduce((sum, reference) => sum + reference.length, 0) / wanted.length
  })
  return { rows: predictions.length, width: 2, values, references: referenceCount(lists) }
}
