/**
 * Length of the longest common subsequence of two token lists, many tokens per step: one bit for each token of `a`, and one
 * addition over the bit row for each token of `b`.
 *
 * @param a, b  token numbers; only equality counts
 * @see Hyyrö 2004, "Bit-parallel LCS-length computation revisited"
 */
export function lcsLength(a: ArrayLike<number>, aLength: number, b: ArrayLike<number>, bLength: number): number {
  if (aLength === 0 || bLength === 0) return 0
  const words = (aLength + 31) >>> 5
  const masks = positionMasks(a, aLength, words)
  const row = new Int32Array(words).fill(-1)
  for (let j = 0; j < bLength; j++) {
    const mask = masks.get(b[j]!)
    if (mask === undefined) continue
    let carry = 0
    for (let w = 0; w < words; w++) {
      const value = row[w]!
      const hit = value & mask[w]!
      const sum = (value >>> 0) + (hit >>> 0) + carry
      carry = sum > 0xffffffff ? 1 : 0
      row[w] = sum | 0 | (value & ~hit)
    }
  }
  return zeroBits(row, aLength)
}

/** For each token of `a` the bits of the positions where it stands. */
function positionMasks(a: ArrayLike<number>, length: number, words: number): Map<number, Int32Array> {
  const masks = new Map<number, Int32Array>()
  for (let i = 0; i < length; i++) {
    let mask = masks.get(a[i]!)
    if (mask === undefined) {
      mask = new Int32Array(words)
      masks.set(a[i]!, mask)
    }
    mask[i >>> 5]! |= 1 << (i & 31)
  }
  return masks
}

function zeroBits(row: Int32Array, bits: number): number {
  let zeros = 0
  for (let i = 0; i < bits; i++) if ((row[i >>> 5]! & (1 << (i & 31))) === 0) zeros++
  return zeros
}

/**
 * Positions in `a` of one longest common subsequence of `a` and `b`, in descending order. Of several, the one that drops tokens of
 * `a` before tokens of `b` when read from the end, as rouge-score does.
 */
export function lcsPositions(
  a: { ids: ArrayLike<number>; length: number },
  b: { ids: ArrayLike<number>; length: number },
): number[] {
  const columns = b.length + 1
  const table = new Int32Array((a.length + 1) * columns)
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const at = i * columns + j
      table[at] =
        a.ids[i - 1] === b.ids[j - 1] ? table[at - columns - 1]! + 1 : Math.max(table[at - columns]!, table[at - 1]!)
    }
  const positions: number[] = []
  let [i, j] = [a.length, b.length]
  while (i > 0 && j > 0) {
    const at = i * columns + j
    if (a.ids[i - 1] === b.ids[j - 1]) {
      positions.push(i - 1)
      i--
      j--
    } else if (table[at - 1]! > table[at - columns]!) j--
    else i--
  }
  return positions
}
