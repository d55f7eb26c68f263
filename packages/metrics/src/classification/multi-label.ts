import { checkTexts, MetricsError } from '../errors'
import { averageScores, type ClassCounts } from './scores'

/** Agreement of questions with several right letters, each value between 0 and 1. */
export interface MultiAnswerScores {
  /** Share of rows with exactly the right letters. */
  readonly exact: number
  /** Mean of |gold ∩ predicted| / |gold ∪ predicted|; 0 where both are empty. */
  readonly jaccard: number
  /** Share of single yes/no decisions (row × letter) that are wrong. */
  readonly hammingLoss: number
  /** Share of the right letters of the rows whose prediction holds no wrong letter; other rows get 0. */
  readonly partial: number
  readonly f1: { readonly micro: number; readonly macro: number; readonly weighted: number; readonly samples: number }
  readonly n: number
}

/**
 * Scores of multiple-answer questions; answers are strings of letters such as `ACD`, their order does not matter.
 *
 * @param options.letters  the letters that can be chosen; `ABCDE` by default
 * @throws MetricsError `length-mismatch`, `empty`, `missing-reference`, `value` for a letter that cannot be chosen
 */
export function multiAnswerScores(
  gold: readonly string[],
  predicted: readonly string[],
  { letters = 'ABCDE' }: { readonly letters?: string } = {},
): MultiAnswerScores {
  checkTexts('multiAnswerScores', ['gold answers', 'predicted answers'], [gold, predicted])
  for (const answers of [gold, predicted]) checkLetters(answers, letters)
  const n = gold.length
  const classes: ClassCounts[] = [...letters].map(() => ({ gold: 0, predicted: 0, both: 0 }))
  let [exact, jaccard, wrong, partial, samples] = [0, 0, 0, 0, 0]
  gold.forEach((answer, row) => {
    const counts = countLetters(answer, predicted[row]!, letters, classes)
    const union = counts.gold + counts.predicted - counts.both
    if (union === counts.both) exact++
    if (union > 0) jaccard += counts.both / union
    wrong += union - counts.both
    if (counts.predicted === counts.both && counts.gold > 0) partial += counts.both / counts.gold
    if (union > 0) samples += (2 * counts.both) / (counts.gold + counts.predicted)
  })
  return {
    exact: exact / n,
    jaccard: jaccard / n,
    hammingLoss: wrong / (n * letters.length),
    partial: partial / n,
    f1: {
      micro: averageScores(classes, 'micro', 0).f1,
      macro: averageScores(classes, 'macro', 0).f1,
      weighted: averageScores(classes, 'weighted', 0).f1,
      samples: samples / n,
    },
    n,
  }
}

/** A letter outside `letters` would be counted nowhere, and `AZ` pass for `A`. */
function checkLetters(answers: readonly string[], letters: string): void {
  const index = answers.findIndex((answer) => [...answer].some((letter) => !letters.includes(letter)))
  if (index < 0) return
  throw new MetricsError(
    'value',
    `multiAnswerScores: expected answers of the letters ${letters}, got '${answers[index]}' at row ${index}. Pass all letters that can be chosen, or read answers with an extractor.`,
    { operation: 'multiAnswerScores', index },
  )
}

/** Letters of one row on either side and on both; adds them to the counts of each letter. */
function countLetters(gold: string, predicted: string, letters: string, classes: readonly ClassCounts[]): ClassCounts {
  const row = { gold: 0, predicted: 0, both: 0 }
  ;[...letters].forEach((letter, k) => {
    const [right, said] = [gold.includes(letter), predicted.includes(letter)]
    for (const counts of [row, classes[k]!]) {
      if (right) counts.gold++
      if (said) counts.predicted++
      if (right && said) counts.both++
    }
  })
  return row
}
