import { checkTexts } from '../errors'
import { type BootstrapOptions, bootstrap, bootstrapMean, type Interval } from '../statistics/bootstrap'

/** Exam results as they are reported: each with its interval, with the number of questions and of unread answers. */
export interface ExamScores {
  readonly n: number
  /** Answers in which no letter was found; they count as wrong in `accuracy`. */
  readonly unparsed: number
  /** Correct of all questions. */
  readonly accuracy: Interval
  /** Correct of the questions whose answer was read, as some published scripts count; NaN when none was. */
  readonly accuracyOfParsed: number
  /** Every distinct answer string is a class; see `weightedF1`. */
  readonly weightedF1: Interval
}

/**
 * Accuracy and weighted F1 of exam answers with bootstrap intervals over the questions.
 *
 * @param predicted  answer letters; undefined or '' where none was read
 * @throws MetricsError `length-mismatch`, `empty`, `missing-reference`
 */
export function examScores(
  gold: readonly string[],
  predicted: readonly (string | undefined)[],
  options: BootstrapOptions = {},
): ExamScores {
  const read = predicted.map((answer) => answer ?? '')
  checkTexts('examScores', ['gold answers', 'predicted answers'], [gold, read])
  const hits = Float64Array.from(gold, (answer, i) => (read[i] === answer ? 1 : 0))
  const unparsed = read.filter((answer) => answer === '').length
  const correct = hits.reduce((sum, hit) => sum + hit, 0)
  return {
    n: gold.length,
    unparsed,
    accuracy: bootstrapMean(hits, options),
    accuracyOfParsed: correct / (gold.length - unparsed),
    weightedF1: bootstrap(gold.length, weightedF1Of(gold, read), options),
  }
}

/** Weighted F1 of drawn rows, on numbers instead of strings since it runs a thousand times. */
function weightedF1Of(gold: readonly string[], predicted: readonly string[]): (indices: Int32Array) => number {
  const labels = [...new Set([...gold, ...predicted])]
  const index = new Map(labels.map((label, i) => [label, i]))
  const truth = Int32Array.from(gold, (label) => index.get(label)!)
  const guess = Int32Array.from(predicted, (label) => index.get(label)!)
  const [goldCount, guessCount, both] = [0, 1, 2].map(() => new Int32Array(labels.length)) as [
    Int32Array,
    Int32Array,
    Int32Array,
  ]
  return (indices) => {
    for (const counts of [goldCount, guessCount, both]) counts.fill(0)
    for (const row of indices) {
      goldCount[truth[row]!]!++
      guessCount[guess[row]!]!++
      if (truth[row] === guess[row]) both[truth[row]!]!++
    }
    let sum = 0
    for (let k = 0; k < labels.length; k++)
      if (goldCount[k]! > 0) sum += ((2 * both[k]!) / (goldCount[k]! + guessCount[k]!)) * goldCount[k]!
    return sum / indices.length
  }
}
