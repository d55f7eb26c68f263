import type { TokenBuffer } from './tokens'

/**
 * N-grams of one or more token lists as dense numbers, without strings: the number of an n-gram follows from the number of
 * its first n-1 tokens and its last token. One table serves text after text; `reset` costs nothing.
 */
export interface NgramTable {
  /** Forgets all n-grams. */
  reset(): void
  /**
   * Numbers of the n-grams of a text, one order after the other: entry `(n - 1) * length + i` is the n-gram of order n that
   * starts at token i. Unknown n-grams get new numbers, or -1 when `insert` is false. The array is reused by the next call
   * with the same `slot`.
   */
  number(text: TokenBuffer, maxOrder: number, insert: boolean, slot?: number): Int32Array
  /** How many n-grams have numbers; they are 0 .. size - 1. */
  readonly size: number
}

/** An empty table of n-grams. */
export function ngramTable(): NgramTable {
  let mask = (1 << 12) - 1
  let stamps = new Int32Array(mask + 1)
  let prefixes = new Int32Array(mask + 1)
  let lasts = new Int32Array(mask + 1)
  let values = new Int32Array(mask + 1)
  let stamp = 1
  let size = 0
  const slots: Int32Array[] = []

  function grow(): void {
    const [oldStamps, oldPrefixes, oldLasts, oldValues] = [stamps, prefixes, lasts, values]
    mask = mask * 2 + 1
    stamps = new Int32Array(mask + 1)
    prefixes = new Int32Array(mask + 1)
    lasts = new Int32Array(mask + 1)
    values = new Int32Array(mask + 1)
    for (let k = 0; k < oldStamps.length; k++) {
      if (oldStamps[k] !== stamp) continue
      const free = probe(oldPrefixes[k]!, oldLasts[k]!)
      stamps[free] = stamp
      prefixes[free] = oldPrefixes[k]!
      lasts[free] = oldLasts[k]!
      values[free] = oldValues[k]!
    }
  }

  /** Place of a pair in the table: where it is, or the free place where it belongs. */
  function probe(prefix: number, last: number): number {
    let hash = Math.imul(prefix, 0x9e3779b1) ^ Math.imul(last, 0x85ebca6b)
    hash ^= hash >>> 15
    let k = hash & mask
    while (stamps[k] === stamp && (prefixes[k] !== prefix || lasts[k] !== last)) k = (k + 1) & mask
    return k
  }

  function insertPair(prefix: number, last: number): number {
    let k = probe(prefix, last)
    if (stamps[k] === stamp) return values[k]!
    if (size * 2 > mask) {
      grow()
      k = probe(prefix, last)
    }
    stamps[k] = stamp
    prefixes[k] = prefix
    lasts[k] = last
    values[k] = size
    return size++
  }

  function findPair(prefix: number, last: number): number {
    const k = probe(prefix, last)
    return stamps[k] === stamp ? values[k]! : -1
  }

  function room(slot: number, needed: number): Int32Array {
    const held = slots[slot]
    if (held !== undefined && held.length >= needed) return held
    const made = new Int32Array(Math.max(needed, 2048))
    slots[slot] = made
    return made
  }

  return {
    get size() {
      return size
    },
    reset() {
      size = 0
      stamp++
    },
    number(text, maxOrder, insert, slot = 0) {
      const { ids, length } = text
      const numbers = room(slot, length * maxOrder)
      for (let order = 1; order <= maxOrder; order++) {
        const row = (order - 1) * length
        for (let i = 0; i + order <= length; i++) {
          // Orders are kept apart by their prefix: order 1 has -1, higher orders the number of a shorter n-gram.
          const prefix = order === 1 ? -1 : numbers[row - length + i]!
          const last = ids[i + order - 1]!
          const unknown = order > 1 && prefix < 0
          numbers[row + i] = unknown ? -1 : insert ? insertPair(prefix, last) : findPair(prefix, last)
        }
      }
      return numbers
    },
  }
}

/** A growing list of counters, one for each n-gram number. */
export interface Counters {
  /** Counters 0 .. size - 1, set to zero. */
  cleared(size: number): Int32Array
}

/** Counters that keep their memory from text to text. */
export function counters(): Counters {
  let held = new Int32Array(1024)
  return {
    cleared(size) {
      if (held.length < size) held = new Int32Array(Math.max(size, held.length * 2))
      else held.fill(0, 0, size)
      return held
    },
  }
}
