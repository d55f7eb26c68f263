import { MetricsError } from '../errors'
import { normalQuantile } from './normal'

/** What a comparison has to detect. */
export interface PowerOptions {
  /** Accuracy of the first system, between 0 and 1. */
  readonly accuracy: number
  /** Difference in accuracy to be seen, such as 0.01 for one point. */
  readonly difference: number
  /** Chance to see it; 0.8 by default. */
  readonly power?: number
  /** Two-sided error level; 0.05 by default. */
  readonly alpha?: number
  /**
   * Share of questions on which the two systems differ in being right, for systems that answer the same questions; without it
   * they answer independent questions.
   */
  readonly discordance?: number
}

/**
 * How many questions it takes to see a difference in accuracy: for independent questions the two-proportion formula, for the
 * same questions the one of McNemar's test. Two similar models disagree on few questions, so pairing needs far fewer.
 *
 * @throws MetricsError `option` for values that cannot be, such as a discordance below the difference
 * @see Connor 1987, "Sample size for testing differences in proportions for the paired-sample design"
 */
export function questionsNeeded({
  accuracy,
  difference,
  power = 0.8,
  alpha = 0.05,
  discordance,
}: PowerOptions): number {
  const other = accuracy + difference
  if (!(accuracy >= 0 && accuracy <= 1 && other >= 0 && other <= 1 && difference !== 0))
    throw invalid(`two different accuracies between 0 and 1, got ${accuracy} and ${other}`)
  if (!(power > 0 && power < 1 && alpha > 0 && alpha < 1))
    throw invalid(`power and alpha between 0 and 1, got ${power} and ${alpha}`)
  const [zAlpha, zPower] = [normalQuantile(1 - alpha / 2), normalQuantile(power)]
  const size = Math.abs(difference)
  if (discordance === undefined) {
    const mean = (accuracy + other) / 2
    const spread =
      zAlpha * Math.sqrt(2 * mean * (1 - mean)) + zPower * Math.sqrt(accuracy * (1 - accuracy) + other * (1 - other))
    return Math.ceil((spread / size) ** 2)
  }
  if (!(discordance >= size && discordance <= 1))
    throw invalid(`a discordance between ${size} and 1, got ${discordance}`)
  const spread = zAlpha * Math.sqrt(discordance) + zPower * Math.sqrt(discordance - size ** 2)
  return Math.ceil((spread / size) ** 2)
}

const invalid = (what: string): MetricsError =>
  new MetricsError('option', `questionsNeeded: expected ${what}. Check the numbers.`, { operation: 'questionsNeeded' })
