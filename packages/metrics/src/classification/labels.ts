import { checkTexts } from '../errors'
import { compareCodePoints } from '../text/tokens'

/** How often each predicted label meets each gold label. */
export interface ConfusionMatrix {
  /** Labels in the order of rows and columns. */
  readonly labels: readonly string[]
  /** `counts[i][j]`: rows whose gold label is i and predicted label j. */
  readonly counts: readonly (readonly number[])[]
}

/**
 * The confusion matrix of predicted against gold labels; the labels are those that occur, in code-point order, unless given.
 * With given labels, rows whose gold or predicted label is not among them are left out.
 *
 * @throws MetricsError `length-mismatch`, `empty`
 */
export function confusionMatrix(
  gold: readonly string[],
  predicted: readonly string[],
  { labels }: { readonly labels?: readonly string[] } = {},
): ConfusionMatrix {
  checkTexts('confusionMatrix', ['gold labels', 'predicted labels'], [gold, predicted])
  const order = labels ?? labelsOf(gold, predicted)
  const index = new Map(order.map((label, i) => [label, i]))
  const counts = order.map(() => new Array<number>(order.length).fill(0))
  gold.forEach((label, row) => {
    const i = index.get(label)
    const j = index.get(predicted[row]!)
    if (i !== undefined && j !== undefined) counts[i]![j]!++
  })
  return { labels: order, counts }
}

/** All labels that occur in the lists, in code-point order. */
export const labelsOf = (...lists: readonly (readonly string[])[]): string[] =>
  [...new Set(lists.flat())].sort(compareCodePoints)
