import { checkPaired, checkTexts, MetricsError } from '../errors'
import type { PrecisionRecall } from './precision-recall'

/** One vector for each token of a text, such as the last hidden states of a BERT without its special tokens. */
export type TokenEmbedder = (texts: readonly string[]) => Promise<readonly (readonly ArrayLike<number>[])[]>

/**
 * BERTScore-style similarity: every token is matched with the most similar one of the other side by cosine; precision over
 * the prediction's tokens, recall over the reference's. Neither idf weights nor a baseline are applied.
 *
 * @param embed  called once for all predictions and once for all references
 * @returns      one row a pair; an empty side gives 0
 * @throws MetricsError `length-mismatch`, `empty`, `value` when vectors differ in length
 * @see Zhang et al. 2020 (https://arxiv.org/abs/1904.09675)
 */
export async function embeddingScore(
  predictions: readonly string[],
  references: readonly string[],
  embed: TokenEmbedder,
): Promise<{ readonly rows: readonly PrecisionRecall[]; readonly f: number }> {
  checkTexts('embeddingScore', ['predictions', 'references'], [predictions, references])
  const said = await embed(predictions)
  const wanted = await embed(references)
  checkPaired('embeddingScore', ['predictions', 'embedded predictions'], [predictions.length, said.length])
  checkPaired('embeddingScore', ['references', 'embedded references'], [references.length, wanted.length])
  const rows = said.map((vectors, i) => scoresOf(vectors.map(unit), wanted[i]!.map(unit)))
  return { rows, f: rows.reduce((sum, row) => sum + row.f, 0) / rows.length }
}

function scoresOf(said: readonly Float64Array[], wanted: readonly Float64Array[]): PrecisionRecall {
  if (said.length === 0 || wanted.length === 0) return { precision: 0, recall: 0, f: 0 }
  const bestSaid = new Float64Array(said.length).fill(-1)
  const bestWanted = new Float64Array(wanted.length).fill(-1)
  said.forEach((left, i) => {
    wanted.forEach((right, j) => {
      const similarity = dot(left, right)
      bestSaid[i] = Math.max(bestSaid[i]!, similarity)
      bestWanted[j] = Math.max(bestWanted[j]!, similarity)
    })
  })
  const mean = (values: Float64Array): number => values.reduce((sum, x) => sum + x, 0) / values.length
  const [precision, recall] = [mean(bestSaid), mean(bestWanted)]
  return { precision, recall, f: precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0 }
}

function unit(vector: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(vector)
  const norm = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0))
  return norm > 0 ? values.map((x) => x / norm) : values
}

function dot(a: Float64Array, b: Float64Array): number {
  if (a.length !== b.length)
    throw new MetricsError(
      'value',
      `embeddingScore: expected vectors of one length, got ${a.length} and ${b.length}. Embed both sides with the same model.`,
      { operation: 'embeddingScore' },
    )
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
