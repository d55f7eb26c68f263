import { MetricsError } from '../errors'
import { ngramTable } from './ngrams'
import type { Tokenizer } from './tokenizer'
import { interner, pushToken, tokenBuffer } from './tokens'

/**
 * Distinct-n of a list of texts: different n-grams divided by all n-grams, between 0 (nothing but repeats) and 1.
 *
 * @throws MetricsError `empty` when no text has n tokens, `option` for an n below 1
 * @see Li et al. 2016 (https://arxiv.org/abs/1510.03055)
 */
export function distinctN(
  texts: readonly string[],
  n: number,
  { tokens = 'char' }: { readonly tokens?: 'char' | Tokenizer } = {},
): number {
  const operation = 'distinctN'
  if (!Number.isInteger(n) || n < 1)
    throw new MetricsError('option', `distinctN: expected n of at least 1, got ${n}. 1 and 2 are usual.`, { operation })
  const table = ngramTable()
  const numbers = interner()
  const seen = new Set<number>()
  let total = 0
  for (const text of texts) {
    const buffer = tokenBuffer(Math.max(16, text.length))
    for (const token of tokens === 'char' ? text : tokens.cut(text)) pushToken(buffer, numbers.id(token))
    const grams = table.number(buffer, n, true)
    const row = (n - 1) * buffer.length
    for (let i = 0; i + n <= buffer.length; i++) seen.add(grams[row + i]!)
    total += Math.max(0, buffer.length - n + 1)
  }
  if (total === 0)
    throw new MetricsError(
      'empty',
      `distinctN: expected a text of at least ${n} tokens, got none. Choose a smaller n or check the texts.`,
      {
        operation,
      },
    )
  return seen.size / total
}
