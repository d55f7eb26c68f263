import type { MinHashKernel } from './minhash'
import { jaccardOfSorted, sortedSet } from './similarity'

const base = 0x9e3779b1

/** The MinHash kernel in plain JavaScript, for places without WebAssembly SIMD. Same bits as the compiled one, about 15 times slower. */
export function minHashKernelJs({
  a,
  b,
  n,
}: {
  readonly a: Uint32Array
  readonly b: Uint32Array
  readonly n: number
}): MinHashKernel {
  const permutations = a.length
  const similarityOfHashes = (x: Uint32Array, y: Uint32Array): number => jaccardOfSorted(sortedSet(x), sortedSet(y))
  return {
    permutations,
    signature: (text, out) => minima(shingleHashes(text, n), a, b, out),
    signatureOfHashes: (hashes, out) => minima(hashes, a, b, out),
    signatures: (texts) => {
      const out = new Uint32Array(texts.length * permutations)
      for (const [index, text] of texts.entries())
        minima(shingleHashes(text, n), a, b, out.subarray(index * permutations, (index + 1) * permutations))
      return out
    },
    shingles: (text) => shingleHashes(text, n),
    similarity: (x, y) => similarityOfHashes(shingleHashes(x, n), shingleHashes(y, n)),
    similarityOfHashes,
    [Symbol.dispose]: () => {},
  }
}

/** Mixed hashes of all n-grams of code points; a text shorter than n is one gram, an empty one has none. */
export function shingleHashes(text: string, n: number): Uint32Array {
  const points = Array.from(text, (character) => character.codePointAt(0)!)
  if (points.length === 0) return new Uint32Array(0)
  const length = Math.min(n, points.length)
  let hash = 0
  let top = 1
  for (let i = 0; i < length; i++) {
    hash = (Math.imul(hash, base) + points[i]!) | 0
    if (i > 0) top = Math.imul(top, base)
  }
  const grams = new Uint32Array(points.length - length + 1)
  for (let i = length; i < points.length; i++) {
    grams[i - length] = mix32(hash)
    hash = (Math.imul((hash - Math.imul(points[i - length]!, top)) | 0, base) + points[i]!) | 0
  }
  grams[points.length - length] = mix32(hash)
  return grams
}

/** The finaliser of MurmurHash3: a bijection of 32-bit numbers in which every input bit touches every output bit. */
export function mix32(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function minima(hashes: Uint32Array, a: Uint32Array, b: Uint32Array, out: Uint32Array): void {
  for (let p = 0; p < out.length; p++) {
    const factor = a[p]!
    const term = b[p]!
    let least = 0xffffffff
    for (let i = 0; i < hashes.length; i++) {
      const value = (Math.imul(factor, hashes[i]!) + term) >>> 0
      if (value < least) least = value
    }
    out[p] = least
  }
}
