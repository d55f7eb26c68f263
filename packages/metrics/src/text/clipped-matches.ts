import { counters, ngramTable } from './ngrams'
import type { TokenBuffer } from './tokens'

/** Counts a prediction's n-grams that its references have, each at most as often as the reference with most of them. */
export interface ClippedMatcher {
  /** Begins with a prediction, which must stay unchanged until `matches`. */
  start(prediction: TokenBuffer): void
  /** Adds a reference; its buffer may be reused afterwards. */
  reference(reference: TokenBuffer): void
  /** Adds the matches of order n to `out[offset + n - 1]`. */
  matches(out: { [index: number]: number }, offset: number): void
}

/** A matcher for orders 1 .. `maxOrder` that keeps its memory from text to text. */
export function clippedMatcher(maxOrder: number): ClippedMatcher {
  const table = ngramTable()
  const [limitStore, seenStore] = [counters(), counters()]
  let prediction: TokenBuffer
  let grams: Int32Array
  let limits: Int32Array
  return {
    start(text) {
      // The prediction's n-grams get the numbers: only those can match, and a reference needs but a look-up.
      prediction = text
      table.reset()
      grams = table.number(text, maxOrder, true, 0)
      limits = limitStore.cleared(table.size)
    },
    reference(reference) {
      const { length } = reference
      const wanted = table.number(reference, maxOrder, false, 1)
      const seen = seenStore.cleared(table.size)
      for (let order = 1; order <= maxOrder; order++) {
        const from = (order - 1) * length
        for (let i = from; i + order <= from + length; i++) {
          const id = wanted[i]!
          if (id >= 0 && ++seen[id]! > limits[id]!) limits[id] = seen[id]!
        }
      }
    },
    matches(out, offset) {
      const { length } = prediction
      for (let order = 1; order <= maxOrder; order++) {
        const from = (order - 1) * length
        let matched = 0
        for (let i = from; i + order <= from + length; i++) if (limits[grams[i]!]!-- > 0) matched++
        out[offset + order - 1] = (out[offset + order - 1] ?? 0) + matched
      }
    },
  }
}

/** Of two reference lengths the one closer to the prediction's, the shorter where they are equally close; -1 is no length. */
export function closerLength(length: number, best: number, candidate: number): number {
  if (best < 0) return candidate
  const difference = Math.abs(length - candidate) - Math.abs(length - best)
  return difference < 0 || (difference === 0 && candidate < best) ? candidate : best
}
