/** What a round found out about the records of one part. */
export interface Results {
  /** The results of a record, one behind the other, in ascending order; empty where there are none. */
  of(index: number): Uint32Array
}

const none = new Uint32Array(0)

/** Results from lists of `[index, ...words]`, `stride` numbers each. */
export function resultsOf(lists: readonly Uint32Array[], stride: number): Results {
  const sorted = sortRows(concatenate(lists), stride)
  const width = stride - 1
  const words = new Uint32Array((sorted.length / stride) * width)
  for (let row = 0; row * stride < sorted.length; row++)
    for (let word = 0; word < width; word++) words[row * width + word] = sorted[row * stride + 1 + word]!
  return {
    of: (index) => {
      const from = lowerBound(sorted, stride, index)
      const to = lowerBound(sorted, stride, index + 1)
      return from === to ? none : words.subarray(from * width, to * width)
    },
  }
}

/** One list behind the other. */
export function concatenate(lists: readonly Uint32Array[]): Uint32Array {
  const joined = new Uint32Array(lists.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const list of lists) {
    joined.set(list, at)
    at += list.length
  }
  return joined
}

/** Rows of `stride` numbers in ascending order, compared number by number. */
export function sortRows(rows: Uint32Array, stride: number): Uint32Array {
  const count = rows.length / stride
  const order = Uint32Array.from({ length: count }, (_, row) => row).sort((a, b) => {
    for (let word = 0; word < stride; word++) {
      const difference = rows[a * stride + word]! - rows[b * stride + word]!
      if (difference !== 0) return difference
    }
    return 0
  })
  const sorted = new Uint32Array(rows.length)
  for (let at = 0; at < count; at++) {
    const from = order[at]! * stride
    for (let word = 0; word < stride; word++) sorted[at * stride + word] = rows[from + word]!
  }
  return sorted
}

/** First row whose first number is not below `value`. */
function lowerBound(rows: Uint32Array, stride: number, value: number): number {
  let low = 0
  let high = rows.length / stride
  while (low < high) {
    const middle = (low + high) >> 1
    if (rows[middle * stride]! < value) low = middle + 1
    else high = middle
  }
  return low
}
