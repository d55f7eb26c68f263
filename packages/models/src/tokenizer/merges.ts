/** Merge rules of a BPE vocabulary: which pair of tokens becomes which, and how early. */
export interface MergeTable {
  /** Rule for a pair, -1 when there is none. */
  find(left: number, right: number): number
  /** Priority of a rule; 0 is applied first. Rules of equal priority are applied from left to right. */
  priority(rule: number): number
  /** Token that a rule makes. */
  made(rule: number): number
}

/** One merge rule. */
export interface MergeRule {
  readonly left: number
  readonly right: number
  readonly made: number
  /** Place in the order of application; the rule's index by default. */
  readonly priority?: number
}

/** Table of `count` rules; open addressing over numbers, no object per rule. Of two rules for a pair the later counts. */
export const mergeTable = (count: number, rule: (index: number) => MergeRule): MergeTable => {
  const bits = Math.max(4, Math.ceil(Math.log2(1.5 * count + 1)))
  const mask = 2 ** bits - 1
  const lefts = new Int32Array(mask + 1)
  const rights = new Int32Array(mask + 1)
  const rules = new Int32Array(mask + 1).fill(-1)
  const results = new Int32Array(count)
  const priorities = new Int32Array(count)

  const slot = (left: number, right: number): number => {
    let place = Math.imul(Math.imul(left, 0x9e3779b1) ^ right, 0x85ebca6b) >>> (32 - bits)
    while (rules[place] !== -1 && (lefts[place] !== left || rights[place] !== right)) place = (place + 1) & mask
    return place
  }
  for (let index = 0; index < count; index++) {
    const { left, right, made, priority = index } = rule(index)
    const place = slot(left, right)
    lefts[place] = left
    rights[place] = right
    rules[place] = index
    results[index] = made
    priorities[index] = priority
  }
  return {
    find: (left, right) => rules[slot(left, right)]!,
    priority: (index) => priorities[index]!,
    made: (index) => results[index]!,
  }
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
  const rules: number[] = []
  for (let i = 0; i + 1 < symbols.count; i++) rules.push(table.find(ids[i]!, ids[i + 1]!))
  for (;;) {
    let at = -1
    let best = Number.POSITIVE_INFINITY
    for (let i = 0; i < rules.length; i++)
      if (rules[i]! >= 0 && table.priority(rules[i]!) < best) {
        best = table.priority(rules[i]!)
        at = i
      }
    if (at < 0) return
    ids[at] = table.made(rules[at]!)
    lengths[at] = lengths[at]! + lengths[at + 1]!
    ids.copyWithin(at + 1, at + 2, symbols.count)
    lengths.copyWithin(at + 1, at + 2, symbols.count)
    rules.splice(at, 1)
    symbols.count--
    if (at > 0) rules[at - 1] = table.find(ids[at - 1]!, ids[at]!)
    if (at < rules.length) rules[at] = table.find(ids[at]!, ids[at + 1]!)
  }
}

/** Id of a symbol that became part of the one before it. */
const gone = -0x80000000

const mergeLong = (symbols: Symbols, table: MergeTable): void => {
  const { ids, lengths, count } = symbols
  const next = Int32Array.from({ length: count }, (_, i) => (i + 1 < count ? i + 1 : -1))
  const previous = Int32Array.from({ length: count }, (_, i) => i - 1)
  const heap = minHeap(3 * count)
  const offer = (left: number): void => {
    if (left < 0 || next[left]! < 0) return
    const rule = table.find(ids[left]!, ids[next[left]!]!)
    if (rule >= 0) heap.push(table.priority(rule) * positions + left)
  }
  for (let i = 0; i < count; i++) offer(i)
  for (let key = heap.pop(); key >= 0; key = heap.pop()) {
    const left = key % positions
    const right = next[left]!
    const rule = ids[left] === gone || right < 0 ? -1 : table.find(ids[left]!, ids[right]!)
    if (rule < 0 || table.priority(rule) !== (key - left) / positions) continue // merged otherwise meanwhile
    ids[left] = table.made(rule)
    lengths[left] = lengths[left]! + lengths[right]!
    ids[right] = gone
    next[left] = next[right]!
    if (next[right]! >= 0) previous[next[right]!] = left
    offer(previous[left]!)
    offer(left)
  }
  compact(symbols, next)
}

/** A heap entry is priority · positions + position, so that the smallest is the leftmost of the earliest rule. */
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
