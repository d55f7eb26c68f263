import { mix32 } from '../dedup/minhash-js'

/** Windows that share their anchor: those that begin at `from` to `from + count - 1`. */
export interface AnchoredWindows {
  /** Two hashes of the anchor. */
  readonly hash: number
  readonly other: number
  /** Where the anchor begins. */
  readonly anchor: number
  readonly from: number
  readonly count: number
}

/** Symbols of an anchor, for windows of `length`: short enough that a window holds many, long enough to be rare. */
export const anchorLength = (length: number): number => Math.ceil(length / 3)

/**
 * All windows of `length` symbols, grouped by their anchor: the stretch of `anchorLength` symbols with the smallest hash in the window, the
 * first of equals. A window's anchor depends on the window alone, so equal windows anywhere have equal anchors at equal distances.
 *
 * @see Schleimer et al. 2003, Winnowing (https://doi.org/10.1145/872757.872770)
 */
export function anchoredWindows(
  symbols: ArrayLike<number>,
  length: number,
  visit: (group: AnchoredWindows) => void,
): void {
  const windows = symbols.length - length + 1
  if (windows <= 0) return
  const size = anchorLength(length)
  const { hashes, others } = stretchHashes(symbols, size)
  const reach = length - size // the last stretch of a window begins this far behind it
  const queue = new Int32Array(hashes.length)
  let head = 0
  let tail = 0
  let anchor = -1
  let from = 0
  const close = (end: number): void => {
    if (anchor >= 0) visit({ hash: hashes[anchor]!, other: others[anchor]!, anchor, from, count: end - from })
  }
  for (let at = 0; at < hashes.length; at++) {
    while (tail > head && hashes[queue[tail - 1]!]! > hashes[at]!) tail--
    queue[tail++] = at
    const window = at - reach
    if (window < 0) continue
    if (queue[head]! < window) head++
    if (queue[head] === anchor) continue
    close(window)
    anchor = queue[head]!
    from = window
  }
  close(windows)
}

/** Two rolling hashes of every stretch of `size` symbols; the first is mixed, so that its order is as good as random. */
function stretchHashes(symbols: ArrayLike<number>, size: number): { hashes: Uint32Array; others: Uint32Array } {
  const hashes = new Uint32Array(symbols.length - size + 1)
  const others = new Uint32Array(symbols.length - size + 1)
  roll(symbols, size, (at, a, b) => {
    hashes[at] = mix32(a)
    others[at] = mix32(b)
  })
  return { hashes, others }
}

const base = 0x9e3779b1
const otherBase = 0x85ebca77

/** Visits the two polynomial hashes of every stretch of `size` symbols, from left to right. */
export function roll(
  symbols: ArrayLike<number>,
  size: number,
  visit: (at: number, a: number, b: number) => void,
): void {
  let topA = 1
  let topB = 1
  for (let i = 1; i < size; i++) {
    topA = Math.imul(topA, base)
    topB = Math.imul(topB, otherBase)
  }
  let a = 0
  let b = 0
  for (let i = 0; i < symbols.length; i++) {
    if (i >= size) {
      const leaving = symbols[i - size]! + 1
      a = (a - Math.imul(leaving, topA)) | 0
      b = (b - Math.imul(leaving, topB)) | 0
    }
    const coming = symbols[i]! + 1
    a = (Math.imul(a, base) + coming) | 0
    b = (Math.imul(b, otherBase) + coming) | 0
    if (i >= size - 1) visit(i - size + 1, a, b)
  }
}
