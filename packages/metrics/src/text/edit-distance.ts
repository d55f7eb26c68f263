/** Edit operations on the way from a hypothesis to a reference. */
export const operation = { none: 0, keep: 1, substitute: 2, insert: 3, delete: 4 } as const

/** Word edit distance to one fixed reference within a band around the diagonal. */
export interface BandedDistance {
  /** Number of edits from `words` to the reference. */
  distance(words: Int32Array): number
  /** The operations of the last `distance`, from the first word to the last. */
  trace(): number[]
}

const unreachable = 1_000_000_000
const bandWidth = 25

/**
 * Edit distance to `reference` for many hypotheses of the same length, as TER needs it for shifted copies of one text: rows
 * of the table that belong to an unchanged beginning are kept. Only a band around the (stretched) diagonal is searched, as in
 * sacrebleu, so far-fetched alignments cost more than their true distance.
 *
 * @param length  words of every hypothesis
 */
export function bandedDistance(reference: Int32Array, length: number): BandedDistance {
  const columns = reference.length + 1
  const costs = new Int32Array((length + 1) * columns).fill(unreachable)
  const operations = new Uint8Array((length + 1) * columns)
  for (let j = 0; j < columns; j++) {
    costs[j] = j
    operations[j] = operation.insert
  }
  const previous = new Int32Array(length)
  let known = 0 // rows 0..known are those of `previous`
  const stretch = length > 0 ? reference.length / length : 1
  const band = bandWidth < stretch / 2 ? Math.ceil(stretch / 2 + bandWidth) : bandWidth

  function fillRow(i: number, word: number): void {
    const row = i * columns
    const diagonal = Math.floor(i * stretch)
    const from = Math.max(0, diagonal - band)
    const to = i === length ? columns : Math.min(columns, diagonal + band)
    costs.fill(unreachable, row, row + columns)
    operations.fill(operation.none, row, row + columns)
    for (let j = from; j < to; j++) {
      if (j === 0) {
        costs[row] = costs[row - columns]! + 1
        operations[row] = operation.delete
        continue
      }
      const same = word === reference[j - 1]
      let cost = costs[row - columns + j - 1]! + (same ? 0 : 1)
      let chosen: number = cost < unreachable ? (same ? operation.keep : operation.substitute) : operation.none
      if (chosen === operation.none) cost = unreachable
      const deleted = costs[row - columns + j]! + 1
      if (cost > deleted) [cost, chosen] = [deleted, operation.delete]
      const inserted = costs[row + j - 1]! + 1
      if (cost > inserted) [cost, chosen] = [inserted, operation.insert]
      costs[row + j] = cost
      operations[row + j] = chosen
    }
  }

  return {
    distance(words) {
      let same = 0
      while (same < known && words[same] === previous[same]) same++
      for (let i = same; i < length; i++) {
        fillRow(i + 1, words[i]!)
        previous[i] = words[i]!
      }
      known = length
      return costs[costs.length - 1]!
    },
    trace() {
      const steps: number[] = []
      let [i, j] = [length, columns - 1]
      while (i > 0 || j > 0) {
        const step = operations[i * columns + j]!
        steps.push(step)
        if (step !== operation.insert) i--
        if (step !== operation.delete) j--
      }
      return steps.reverse()
    },
  }
}
