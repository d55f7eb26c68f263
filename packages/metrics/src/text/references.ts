import { checkPaired, MetricsError } from '../errors'

/** The references of each prediction: one text, or several of which each counts. */
export type References = readonly (string | readonly string[])[]

/** The references as lists; checks that every prediction has at least one. */
export function referenceLists(
  operation: string,
  predictions: readonly string[],
  references: References,
): readonly (readonly string[])[] {
  checkPaired(operation, ['predictions', 'references'], [predictions.length, references.length])
  return references.map((entry, index) => {
    const list = typeof entry === 'string' ? [entry] : entry
    if (list === undefined || list === null || list.length === 0 || list.some((text) => typeof text !== 'string'))
      throw new MetricsError(
        'missing-reference',
        `${operation}: expected a reference text for every prediction, got none at row ${index}. Drop the row or give it a reference.`,
        { operation, index },
      )
    if (typeof predictions[index] !== 'string')
      throw new MetricsError(
        'value',
        `${operation}: expected a prediction text, got ${String(predictions[index])} at row ${index}. Use '' for an empty answer.`,
        { operation, index },
      )
    return list
  })
}

/** The number of references of every prediction, or `var` when it differs. */
export function referenceCount(lists: readonly (readonly string[])[]): number | 'var' {
  const first = lists[0]?.length ?? 0
  return lists.every((list) => list.length === first) ? first : 'var'
}
