import { type Counters, counters, type NgramTable, ngramTable } from './ngrams'
import type { TokenBuffer } from './tokens'

/** N-grams of a prediction and a reference, and those they share; counted each time or once, as asked. */
export interface Overlap {
  readonly prediction: number
  readonly reference: number
  readonly both: number
}

/** Counts shared n-grams pair by pair; keeps its memory between pairs. */
export interface OverlapCounter {
  /**
   * Overlaps of orders 1 .. `maxOrder`.
   *
   * @param distinct  count every n-gram once (sets) rather than as often as it occurs (clipped counts)
   */
  count(prediction: TokenBuffer, reference: TokenBuffer, maxOrder: number, distinct: boolean): Overlap[]
}

/** A counter with empty memory. */
export function overlapCounter(): OverlapCounter {
  const table = ngramTable()
  const left = counters()
  return {
    count(prediction, reference, maxOrder, distinct) {
      table.reset()
      const referenceGrams = table.number(reference, maxOrder, true, 0)
      const predictionGrams = table.number(prediction, maxOrder, true, 1)
      return distinct
        ? distinctOverlaps(table, left, referenceGrams, reference.length, predictionGrams, prediction.length, maxOrder)
        : clippedOverlaps(table, left, referenceGrams, reference.length, predictionGrams, prediction.length, maxOrder)
    },
  }
}

function distinctOverlaps(
  table: NgramTable,
  store: Counters,
  referenceGrams: Int32Array,
  referenceLength: number,
  predictionGrams: Int32Array,
  predictionLength: number,
  maxOrder: number,
): Overlap[] {
  const seen = store.cleared(table.size) // 0 not seen, 1 in the reference, 2 counted for the prediction
  const result: Overlap[] = []
  for (let order = 1; order <= maxOrder; order++) {
    let [prediction, reference, both] = [0, 0, 0]
    for (let i = 0; i + order <= referenceLength; i++) {
      const id = referenceGrams[(order - 1) * referenceLength + i]!
      if (seen[id] === 0) reference++
      seen[id] = 1
    }
    for (let i = 0; i + order <= predictionLength; i++) {
      const id = predictionGrams[(order - 1) * predictionLength + i]!
      if (seen[id] === 2) continue
      prediction++
      both += seen[id]!
      seen[id] = 2
    }
    result.push({ prediction, reference, both })
  }
  return result
}

function clippedOverlaps(
  table: NgramTable,
  store: Counters,
  referenceGrams: Int32Array,
  referenceLength: number,
  predictionGrams: Int32Array,
  predictionLength: number,
  maxOrder: number,
): Overlap[] {
  const left = store.cleared(table.size)
  const result: Overlap[] = []
  for (let order = 1; order <= maxOrder; order++) {
    let both = 0
    for (let i = 0; i + order <= referenceLength; i++) left[referenceGrams[(order - 1) * referenceLength + i]!]!++
    for (let i = 0; i + order <= predictionLength; i++)
      if (left[predictionGrams[(order - 1) * predictionLength + i]!]!-- > 0) both++
    const size = (length: number): number => Math.max(0, length - order + 1)
    result.push({ prediction: size(predictionLength), reference: size(referenceLength), both })
  }
  return result
}
