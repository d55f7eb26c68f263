/** Distinct character n-grams (code points) of a text; a text shorter than n is one gram, an empty one has none. */
export function characterGrams(text: string, n: number): Set<string> {
  const characters = Array.from(text)
  if (characters.length < n) return new Set(text === '' ? [] : [text])
  const grams = new Set<string>()
  for (let i = 0; i + n <= characters.length; i++) grams.add(characters.slice(i, i + n).join(''))
  return grams
}

/** Size of the intersection over size of the union; 1 for two empty sets. */
export function jaccard<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): number {
  let shared = 0
  for (const item of a) if (b.has(item)) shared++
  const union = a.size + b.size - shared
  return union === 0 ? 1 : shared / union
}

/** The same for sets given as ascending lists without repeats. */
export function jaccardOfSorted(a: Uint32Array, b: Uint32Array): number {
  let shared = 0
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const x = a[i]!
    const y = b[j]!
    if (x === y) shared++
    if (x <= y) i++
    if (y <= x) j++
  }
  const union = a.length + b.length - shared
  return union === 0 ? 1 : shared / union
}

/** Ascending, without repeats. */
export function sortedSet(hashes: Uint32Array): Uint32Array {
  const sorted = hashes.slice().sort()
  let kept = 0
  for (let i = 0; i < sorted.length; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[kept++] = sorted[i]!
  return sorted.slice(0, kept)
}

/** 1 - edit distance / longer length, over code points; 1 for two empty texts. */
export function editSimilarity(a: string, b: string): number {
  const longer = Math.max(Array.from(a).length, Array.from(b).length)
  return longer === 0 ? 1 : 1 - editDistance(a, b) / longer
}

/**
 * Levenshtein distance over code points, 32 columns at a time in machine words.
 *
 * @see Myers 1999, A fast bit-vector algorithm for approximate string matching; Hyyrö 2003 for the block form
 */
export function editDistance(a: string, b: string): number {
  const [long, short] = [Array.from(a), Array.from(b)].sort((x, y) => y.length - x.length) as [string[], string[]]
  if (short.length === 0) return long.length
  const words = Math.ceil(short.length / 32)
  const places = placesOf(short, words)
  const none = new Int32Array(words)
  const positive = new Int32Array(words).fill(-1)
  const negative = new Int32Array(words)
  const last = 1 << ((short.length - 1) % 32)
  let distance = short.length
  for (const character of long) {
    const match = places.get(character) ?? none
    let carryIn = 1 // the first row of the table grows by one per column
    let borrowIn = 0
    for (let word = 0; word < words; word++) {
      const p = positive[word]!
      const m = negative[word]!
      const eq = match[word]! | borrowIn
      const xv = match[word]! | m
      const xh = (((eq & p) + p) ^ p) | eq
      let ph = m | ~(xh | p)
      let mh = p & xh
      if (word === words - 1) distance += (ph & last ? 1 : 0) - (mh & last ? 1 : 0)
      const carryOut = ph >>> 31
      const borrowOut = mh >>> 31
      ph = (ph << 1) | carryIn
      mh = (mh << 1) | borrowIn
      positive[word] = mh | ~(xv | ph)
      negative[word] = ph & xv
      carryIn = carryOut
      borrowIn = borrowOut
    }
  }
  return distance
}

/** For each character the bits of its places, 32 to a word. */
function placesOf(characters: readonly string[], words: number): Map<string, Int32Array> {
  const places = new Map<string, Int32Array>()
  for (const [index, character] of characters.entries()) {
    let bits = places.get(character)
    if (!bits) places.set(character, (bits = new Int32Array(words)))
    bits[index >> 5] = bits[index >> 5]! | (1 << (index & 31))
  }
  return places
}
