import type { Dictionary } from './dictionary'

/**
 * The end of the word that starts at each position on the most probable path through `block`; position i's word ends before
 * `ends[i]`. A unit without a word stands alone; of equally probable paths the one with the longer word wins, as in jieba.
 */
export function bestPath(block: string, dictionary: Dictionary): Int32Array {
  const length = block.length
  const ends = new Int32Array(length)
  const scores = new Float64Array(length + 1)
  const logTotal = Math.log(dictionary.total)
  for (let i = length - 1; i >= 0; i--) {
    let best = Number.NEGATIVE_INFINITY
    let words = 0
    let node = 0
    for (let j = i; j < length; j++) {
      node = dictionary.child(node, block.charCodeAt(j))
      if (node < 0) break
      const frequency = dictionary.frequency(node)
      if (frequency === 0) continue
      words++
      const score = Math.log(frequency) - logTotal + scores[j + 1]!
      if (score >= best) {
        best = score
        ends[i] = j + 1
      }
    }
    if (words === 0) {
      ends[i] = i + 1
      best = -logTotal + scores[i + 1]! // an unknown unit counts as seen once
    }
    scores[i] = best
  }
  return ends
}

/** Ends of all dictionary words that start at `from`, in ascending order; the unit alone where there is none. */
export function wordEnds(block: string, from: number, dictionary: Dictionary): number[] {
  const ends: number[] = []
  let node = 0
  for (let j = from; j < block.length; j++) {
    node = dictionary.child(node, block.charCodeAt(j))
    if (node < 0) break
    if (dictionary.frequency(node) > 0) ends.push(j + 1)
  }
  return ends.length > 0 ? ends : [from + 1]
}
