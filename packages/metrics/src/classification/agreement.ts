import { type ConfusionMatrix, confusionMatrix } from './labels'

/** How far apart two labels are in Cohen's kappa: not at all weighted, or by their distance in the list of labels. */
export type KappaWeights = 'none' | 'linear' | 'quadratic'

/**
 * Cohen's kappa between gold and predicted labels: agreement beyond chance, 1 when perfect, 0 at chance. NaN when both sides
 * hold one and the same single label, as in scikit-learn.
 *
 * @param options.labels  order of the labels, which weights go by; by default those that occur, in code-point order
 * @throws MetricsError `length-mismatch`, `empty`
 */
export function cohenKappa(
  gold: readonly string[],
  predicted: readonly string[],
  { weights = 'none', labels }: { readonly weights?: KappaWeights; readonly labels?: readonly string[] } = {},
): number {
  const { counts } = confusionMatrix(gold, predicted, labels === undefined ? {} : { labels })
  const { rows, columns, total } = marginsOf(counts)
  let [observed, expected] = [0, 0]
  counts.forEach((row, i) => {
    row.forEach((count, j) => {
      const distance = Math.abs(i - j)
      const weight = weights === 'none' ? (distance === 0 ? 0 : 1) : weights === 'linear' ? distance : distance ** 2
      observed += weight * count
      expected += (weight * rows[i]! * columns[j]!) / total
    })
  })
  return 1 - observed / expected
}

/** Matthews correlation of gold and predicted labels, for any number of classes; 0 when either side has a single label. */
export function matthewsCorrelation(gold: readonly string[], predicted: readonly string[]): number {
  const { counts } = confusionMatrix(gold, predicted)
  const { rows, columns, total } = marginsOf(counts)
  const correct = counts.reduce((sum, row, i) => sum + row[i]!, 0)
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0)
  const scale = (total ** 2 - dot(columns, columns)) * (total ** 2 - dot(rows, rows))
  return scale === 0 ? 0 : (correct * total - dot(rows, columns)) / Math.sqrt(scale)
}

/** Mean recall of the classes that occur in the gold labels. */
export function balancedAccuracy(gold: readonly string[], predicted: readonly string[]): number {
  const { counts } = confusionMatrix(gold, predicted)
  const recalls = counts.flatMap((row, i) => {
    const support = row.reduce((sum, count) => sum + count, 0)
    return support > 0 ? [row[i]! / support] : []
  })
  return recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length
}

function marginsOf(counts: ConfusionMatrix['counts']): { rows: number[]; columns: number[]; total: number } {
  const rows = counts.map((row) => row.reduce((sum, count) => sum + count, 0))
  const columns = counts.map((_, j) => counts.reduce((sum, row) => sum + row[j]!, 0))
  return { rows, columns, total: rows.reduce((sum, count) => sum + count, 0) }
}
