import { MetricsError } from '../errors'

/** How well a model predicts a corpus, from natural-log probabilities of its tokens. */
export interface Perplexity {
  /** exp of the mean negative log-probability over all tokens. */
  readonly tokenWeighted: number
  /** Mean of the documents' perplexities. */
  readonly meanOfDocuments: number
  readonly perDocument: readonly number[]
  readonly bitsPerToken: number
  /** Undefined unless the documents' lengths in characters were given. */
  readonly bitsPerCharacter: number | undefined
  readonly tokens: number
}

/**
 * Perplexity of documents from the natural log-probabilities of their tokens, one list a document.
 *
 * @param characters  characters of each document, for bits per character: comparable between tokenizers
 * @throws MetricsError `empty` for a corpus or a document without tokens, `value` for NaN, `length-mismatch`
 */
export function perplexity(
  logProbabilities: readonly ArrayLike<number>[],
  { characters }: { readonly characters?: readonly number[] } = {},
): Perplexity {
  if (characters !== undefined && characters.length !== logProbabilities.length)
    throw new MetricsError(
      'length-mismatch',
      `perplexity: expected the characters of ${logProbabilities.length} documents, got ${characters.length}. Give one count a document.`,
      { operation: 'perplexity' },
    )
  if (logProbabilities.length === 0)
    throw new MetricsError(
      'empty',
      'perplexity: expected at least one document, got none. Check that the text was read.',
      { operation: 'perplexity' },
    )
  const sums = logProbabilities.map(sumOf)
  const tokens = logProbabilities.reduce((count, document) => count + document.length, 0)
  const total = sums.reduce((sum, x) => sum + x, 0)
  const perDocument = sums.map((sum, i) => Math.exp(-sum / logProbabilities[i]!.length))
  const length = characters?.reduce((sum, x) => sum + x, 0)
  return {
    tokenWeighted: Math.exp(-total / tokens),
    meanOfDocuments: perDocument.reduce((sum, x) => sum + x, 0) / perDocument.length,
    perDocument,
    bitsPerToken: -total / Math.LN2 / tokens,
    bitsPerCharacter: length === undefined ? undefined : -total / Math.LN2 / length,
    tokens,
  }
}

function sumOf(document: ArrayLike<number>, index: number): number {
  if (document.length === 0)
    throw new MetricsError(
      'empty',
      `perplexity: expected tokens in every document, got none in document ${index}. Leave it out.`,
      {
        operation: 'perplexity',
        index,
      },
    )
  let sum = 0
  for (let i = 0; i < document.length; i++) sum += document[i]!
  if (Number.isNaN(sum))
    throw new MetricsError(
      'value',
      `perplexity: expected log-probabilities, got NaN in document ${index}. The model's output is broken; look for overflow.`,
      { operation: 'perplexity', index },
    )
  return sum
}
