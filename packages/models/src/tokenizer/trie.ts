/** Set of strings that finds, at any place of a text, those that start there. Keys are UTF-16 units. */
export interface Trie {
  /** Calls `visit` with the end and value of every key that starts at `from`, shortest first. */
  prefixes(text: string, from: number, visit: (end: number, value: number) => void): void
  /** Value and end of the longest key that starts at `from`; -1 when there is none. */
  longest(text: string, from: number): { readonly value: number; readonly end: number }
  /** True when some key starts with this unit: a cheap test before the search. */
  starts(unit: number): boolean
}

/**
 * Trie over `keys` with their values (not negative). Edges live in one open-addressing table of numbers, so that a
 * vocabulary of hundreds of thousands of entries costs no objects.
 */
export const trie = (keys: Iterable<readonly [key: string, value: number]>): Trie => {
  const entries = [...keys]
  const edges = edgeTable(entries.reduce((sum, [key]) => sum + key.length, 0))
  const values = new Int32Array(edges.maxNodes).fill(-1)
  const firstUnits = new Uint8Array(65536)
  for (const [key, value] of entries) {
    let node = 0
    for (let i = 0; i < key.length; i++) node = edges.add(node, key.charCodeAt(i))
    values[node] = value
    if (key !== '') firstUnits[key.charCodeAt(0)] = 1
  }
  const none = { value: -1, end: -1 }

  return {
    starts: (unit) => firstUnits[unit] === 1,
    prefixes(text, from, visit) {
      for (let i = from, node = 0; i < text.length; ) {
        node = edges.find(node, text.charCodeAt(i++))
        if (node < 0) return
        if (values[node]! >= 0) visit(i, values[node]!)
      }
    },
    longest(text, from) {
      let found = none
      for (let i = from, node = 0; i < text.length; ) {
        node = edges.find(node, text.charCodeAt(i++))
        if (node < 0) break
        if (values[node]! >= 0) found = { value: values[node]!, end: i }
      }
      return found
    },
  }
}

/** Edges (node, unit) -> node for at most `count` insertions. */
const edgeTable = (count: number) => {
  const bits = Math.max(4, Math.ceil(Math.log2(2 * count + 1)))
  const mask = 2 ** bits - 1
  const parents = new Int32Array(mask + 1).fill(-1)
  const units = new Uint16Array(mask + 1)
  const children = new Int32Array(mask + 1)
  let nodes = 1

  const slot = (node: number, unit: number): number => {
    let place = (Math.imul(node, 0x9e3779b1) + Math.imul(unit, 0x85ebca6b)) >>> (32 - bits)
    while (parents[place] !== -1 && (parents[place] !== node || units[place] !== unit)) place = (place + 1) & mask
    return place
  }
  return {
    maxNodes: count + 1,
    find(node: number, unit: number): number {
      const place = slot(node, unit)
      return parents[place] === -1 ? -1 : children[place]!
    },
    add(node: number, unit: number): number {
      const place = slot(node, unit)
      if (parents[place] !== -1) return children[place]!
      parents[place] = node
      units[place] = unit
      return (children[place] = nodes++)
    },
  }
}
