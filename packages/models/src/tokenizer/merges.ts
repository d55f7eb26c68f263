/** Merge rules of a BPE vocabulary: which pair of tokens becomes which, and how early. */
export interface MergeTable {
  /** Rank of the rule for a pair (0 is applied first), -1 when there is none. */
  rank(left: number, right: number): number
  /** Token that the rule of a rank makes. */
  merged(rank: number): number
}

/** Table of `count` rules in order; open addressing over numbers, 16 bytes a rule at most, no object per rule. */
export const mergeTable = (
  count: number,
  rule: (rank: number) => { readonly left: number; readonly right: number; readonly merged: number },
): MergeTable => {
  const bits = Math.max(4, Math.ceil(Math.log2(1.5 * count + 1)))
  const mask = 2 ** bits - 1
  const lefts = new Int32Array(mask + 1)
  const rights = new Int32Array(mask + 1)
  const ranks = new Int32Array(mask + 1).fill(-1)
  const made = new Int32Array(count)

  const slot = (left: number, right: number): number => {
    let place = Math.imul(Math.imul(left, 0x9e3779b1) ^ right, 0x85ebca6b) >>> (32 - bits)
    while (ranks[place] !== -1 && (lefts[place] !== left || rights[place] !== right)) place = (place + 1) & mask
    return place
  }
  for (let rank = 0; rank < count; rank++) {
    const { left, right, merged } = rule(rank)
    const place = slot(left, right)
    lefts[place] = left
    rights[place] = right
    ranks[place] = rank // the last rule for a pair wins, as in the reference library
    made[rank] = merged
  }
  return { rank: (left, right) => ranks[slot(left, right)]!, merged: (rank) => made[rank]! }
}

/** Symbols of one word while they are merged, in place. */
export interface Symbols {
  /** Token ids. */
  ids: Int32Array
  /** Length of each symbol, in any unit. */
  lengths: Int32Array
  count: number
}

/** Empty symbols with room for `capacity`. */
export const symbolsFor = (capacity: number): Symbols => ({
  ids: new Int32Array(capacity),
  lengths: new Int32Array(capacity),
  count: 0,
})

/** Words up to this many symbols are merged by looking at all pairs; longer ones through a heap. */
const shortWord = 48

/** Applies merge rules, earliest rule first and leftmost pair first among equals, until none applies. */
export const applyMerges = (symbols: Symbols, table: MergeTable): void =>
  symbols.count <= shortWord ? mergeShort(symbols, table) : mergeLong(symbols, table)

const mergeShort = (symbols: Symbols, table: MergeTable): void => {
  const { ids, lengths } = symbols
  const ranks: number[] = []
  for (let i = 0; i + 1 < symbols.count; i++) ranks.push(table.rank(ids[i]!, ids[i + 1]!))
  for (;;) {
    let at = -1
    let best = Number.POSITIVE_INFINITY
    for (let i = 0; i < ranks.length; i++)
      if (ranks[i]! >= 0 && ranks[i]! < best) {
        best = ranks[i]!
        at = i
      }
    if (at < 0) return
    ids[at] = table.merged(best)
    lengths[at] = lengths[at]! + lengths[at + 1]!
    ids.copyWithin(at + 1, at + 2, symbols.count)
    lengths.copyWithin(at + 1, at + 2, symbols.count)
    ranks.splice(at, 1)
    symbols.count--
    if (at > 0) ranks[at - 1] = table.rank(ids[at - 1]!, ids[at]!)
    if (at < ranks.length) ranks[at] = table.rank(ids[at]!, ids[at + 1]!)
  }
}

const mergeLong = (symbols: Symbols, table: MergeTable): void => {
  const { ids, lengths, count } = symbols
  const next = Int32Array.from({ length: count }, (_, i) => (i + 1 < count ? i + 1 : -1))
  const previous = Int32Array.from({ length: count }, (_, i) => i - 1)
  const heap = minHeap(3 * count)
  const offer = (left: number): void => {
    if (left < 0 || next[left]! < 0) return
    const rank = table.rank(ids[left]!, ids[next[left]!]!)
    if (rank >= 0) heap.push(rank * positions + left)
  }
  for (let i = 0; i < count; i++) offer(i)
  for (let key = heap.pop(); key >= 0; key = heap.pop()) {
    const left = key % positions
    const rank = (key - left) / positions
    const right = next[left]!
    if (ids[left]! < 0 || right < 0 || table.rank(ids[left]!, ids[right]!) !== rank) continue // merged meanwhile
    ids[left] = table.merged(rank)
    lengths[left] = lengths[left]! + lengths[right]!
    ids[right] = -1
    next[left] = next[right]!
    if (next[right]! >= 0) previous[next[right]!] = left
    offer(previous[left]!)
    offer(left)
  }
  compact(symbols, next)
}

/** A heap entry is rank · positions + position, so that the smallest is the leftmost of the earliest rule. */
const positions = 2 ** 28

const compact = (symbols: Symbols, next: Int32Array): void => {
  let kept = 0
  for (let i = 0; i >= 0; i = next[i]!) {
    symbols.ids[kept] = symbols.ids[i]!
    symbols.lengths[kept] = symbols.lengths[i]!
    kept++
  }
  symbols.count = kept
}

/** Binary heap of non-negative numbers; `pop` gives -1 when it is empty. */
const minHeap = (capacity: number) => {
  const keys = new Float64Array(capacity)
  let size = 0
  return {
    push(key: number): void {
      let at = size++
      while (at > 0) {
        const parent = (at - 1) >> 1
        if (keys[parent]! <= key) break
        keys[at] = keys[parent]!
        at = parent
      }
      keys[at] = key
    },
    pop(): number {
      if (size === 0) return -1
      const top = keys[0]!
      const last = keys[--size]!
      let at = 0
      for (let child = 1; child < size; child = 2 * at + 1) {
        if (child + 1 < size && keys[child + 1]! < keys[child]!) child++
        if (keys[child]! >= last) break
        keys[at] = keys[child]!
        at = child
      }
      keys[at] = last
      return top
    },
  }
}
