import { checkTexts } from '../errors'
import type { PrecisionRecall } from './precision-recall'

/** How many of the references' terms the predictions name. */
export interface TermRecall {
  /** Terms of all references found in their predictions, over all terms of all references; NaN when there are none. */
  readonly recall: number
  /** Terms of the predictions that stand in their references, over all terms of the predictions; NaN when there are none. */
  readonly precision: number
  readonly rows: readonly (PrecisionRecall & {
    readonly expected: readonly string[]
    readonly said: readonly string[]
  })[]
  /** Rows whose reference has no term; they do not count in the recall. */
  readonly withoutTerms: number
}

/**
 * Recall of dictionary terms: which of the terms in a reference (diseases, drugs, findings) occur in the prediction. Terms are
 * found left to right, the longest at each place, so 高血压病 is not also 高血压; every term counts once a text.
 *
 * @throws MetricsError `length-mismatch`, `empty`
 */
export function termRecall(
  predictions: readonly string[],
  references: readonly string[],
  terms: Iterable<string>,
): TermRecall {
  checkTexts('termRecall', ['predictions', 'references'], [predictions, references])
  const find = termFinder(terms)
  let [expectedTotal, saidTotal, bothTotal, withoutTerms] = [0, 0, 0, 0]
  const rows = predictions.map((prediction, i) => {
    const expected = find(references[i]!)
    const said = find(prediction)
    const both = expected.filter((term) => said.includes(term)).length
    expectedTotal += expected.length
    saidTotal += said.length
    bothTotal += both
    if (expected.length === 0) withoutTerms++
    const [precision, recall] = [both / said.length, both / expected.length]
    return { expected, said, precision, recall, f: (2 * both) / (said.length + expected.length) }
  })
  return { recall: bothTotal / expectedTotal, precision: bothTotal / saidTotal, rows, withoutTerms }
}

/** Terms by first character, longest first. */
function termFinder(terms: Iterable<string>): (text: string) => string[] {
  const byFirst = new Map<string, string[]>()
  for (const term of new Set(terms)) {
    if (term === '') continue
    const group = byFirst.get(term[0]!)
    if (group) group.push(term)
    else byFirst.set(term[0]!, [term])
  }
  for (const group of byFirst.values()) group.sort((a, b) => b.length - a.length)
  return (text) => {
    const found = new Set<string>()
    for (let i = 0; i < text.length; ) {
      const term = byFirst.get(text[i]!)?.find((candidate) => text.startsWith(candidate, i))
      if (term !== undefined) found.add(term)
      i += term?.length ?? 1
    }
    return [...found]
  }
}
