import { type CountingTokenizer, countCharacters, tokenMeasure } from '../chunk/measure'
import { sentences } from '../chunk/sentences'
import type { Measure } from '../chunk/units'
import { RagError, wholeNumber } from '../errors'

/** How long a prompt may be; name one. */
export interface Budget {
  /** Tokens as `tokenizer` counts them, or estimated without one. */
  readonly tokens?: number | undefined
  /** Unicode characters; 2,000 when neither is named. */
  readonly characters?: number | undefined
  readonly tokenizer?: CountingTokenizer | undefined
}

/** A checked budget: the limit and how to measure. */
export function budgetOf(
  operation: string,
  { tokens, characters, tokenizer }: Budget,
): { limit: number; measure: Measure } {
  if (tokens !== undefined && characters !== undefined)
    throw new RagError(
      'option',
      `${operation}: expected a budget in tokens or characters, got both. Name one of them.`,
      {
        operation,
      },
    )
  if (tokens !== undefined)
    return { limit: wholeNumber(operation, 'tokens', tokens, 1), measure: tokenMeasure(tokenizer) }
  return { limit: wholeNumber(operation, 'characters', characters ?? 2000, 1), measure: countCharacters }
}

/**
 * The longest beginning of `text`, in whole sentences, with which `fits` is content; empty when not even the first does.
 */
export function longestFitting(text: string, fits: (beginning: string) => boolean): string {
  const ends = sentences(text).map(({ end }) => end)
  let low = 0
  let high = ends.length
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (fits(text.slice(0, ends[middle - 1]).trimEnd())) low = middle
    else high = middle - 1
  }
  return low === 0 ? '' : text.slice(0, ends[low - 1]).trimEnd()
}
