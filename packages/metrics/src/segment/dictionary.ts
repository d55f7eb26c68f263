/** A word list with frequencies, as a trie over UTF-16 units in flat arrays. */
export interface Dictionary {
  /** Sum of the frequencies. */
  readonly total: number
  /** The child of `node` by a unit, or -1. The root is node 0. */
  child(node: number, unit: number): number
  /** Frequency of the word that ends in `node`; 0 for a mere prefix. */
  frequency(node: number): number
  /** Frequency of a word; 0 when it is not in the dictionary. */
  frequencyOf(word: string): number
}

/**
 * The dictionary of a text with one `word frequency [tag]` a line; a word that occurs again takes its last frequency, while
 * the total counts every line, as in jieba.
 */
export function readDictionary(lines: Iterable<readonly [word: string, frequency: number]>): Dictionary {
  const trie = flatTrie()
  let frequencies = new Int32Array(1 << 16)
  let total = 0
  for (const [word, frequency] of lines) {
    let node = 0
    for (let i = 0; i < word.length; i++) node = trie.insert(node, word.charCodeAt(i))
    if (node >= frequencies.length) {
      const grown = new Int32Array(Math.max(node + 1, frequencies.length * 2))
      grown.set(frequencies)
      frequencies = grown
    }
    frequencies[node] = frequency
    total += frequency
  }
  return {
    total,
    child: trie.find,
    frequency: (node) => frequencies[node] ?? 0,
    frequencyOf(word) {
      let node = 0
      for (let i = 0; i < word.length && node >= 0; i++) node = trie.find(node, word.charCodeAt(i))
      return node > 0 ? (frequencies[node] ?? 0) : 0
    },
  }
}

/** Entries of jieba's dictionary format. */
export function* dictionaryLines(text: string): Generator<readonly [string, number]> {
  let start = 0
  while (start < text.length) {
    let end = text.indexOf('\n', start)
    if (end < 0) end = text.length
    const space = text.indexOf(' ', start)
    if (space > start && space < end) yield [text.slice(start, space), Number.parseInt(text.slice(space + 1, end), 10)]
    start = end + 1
  }
}

/** Children by (node, unit) in an open-addressing table: a node's number takes 20 bits or more, the unit 16. */
function flatTrie(): { find(node: number, unit: number): number; insert(node: number, unit: number): number } {
  let mask = (1 << 20) - 1
  let parents = new Int32Array(mask + 1).fill(-1)
  let units = new Uint16Array(mask + 1)
  let children = new Int32Array(mask + 1)
  let size = 1

  function place(node: number, unit: number): number {
    let hash = Math.imul(node, 0x9e3779b1) ^ Math.imul(unit, 0x85ebca6b)
    hash ^= hash >>> 15
    let k = hash & mask
    while (parents[k] !== -1 && (parents[k] !== node || units[k] !== unit)) k = (k + 1) & mask
    return k
  }

  function grow(): void {
    const [oldParents, oldUnits, oldChildren] = [parents, units, children]
    mask = mask * 2 + 1
    parents = new Int32Array(mask + 1).fill(-1)
    units = new Uint16Array(mask + 1)
    children = new Int32Array(mask + 1)
    oldParents.forEach((parent, i) => {
      if (parent === -1) return
      const k = place(parent, oldUnits[i]!)
      parents[k] = parent
      units[k] = oldUnits[i]!
      children[k] = oldChildren[i]!
    })
  }

  return {
    find(node, unit) {
      const k = place(node, unit)
      return parents[k] === -1 ? -1 : children[k]!
    },
    insert(node, unit) {
      const k = place(node, unit)
      if (parents[k] !== -1) return children[k]!
      if (size * 2 > mask) {
        grow()
        return this.insert(node, unit)
      }
      parents[k] = node
      units[k] = unit
      children[k] = size
      return size++
    },
  }
}
