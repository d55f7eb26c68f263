import { mix32 } from './minhash-js'

/** How much of an indexed text another text holds. */
export interface Overlap {
  readonly item: number
  /** Share of its distinct n-grams, 0 to 1. */
  readonly held: number
}

/** Finds which of many short texts are held by a long one. */
export interface GramIndex {
  /** The indexed texts that share at least one n-gram with `text`. */
  overlaps(text: string): Overlap[]
}

/**
 * An index of the n-grams (UTF-16 units) of many texts; a text shorter than n is one gram of its own length. N-grams are known by 53-bit
 * hashes: two different ones among a billion look alike once in ten thousand runs.
 */
export function gramIndex(texts: readonly string[], { n }: { readonly n: number }): GramIndex {
  const postings = new Map<number, number[]>()
  const seen = new Uint32Array(filterBits / 32)
  const lengths = new Set<number>()
  const sizes = texts.map((text, item) => {
    if (text === '') return 0
    const length = Math.min(n, text.length)
    lengths.add(length)
    const grams = new Set(gramHashes(text, length))
    for (const gram of grams) {
      const list = postings.get(gram)
      if (list) list.push(item)
      else postings.set(gram, [item])
      const bit = filterBit(Math.floor(gram / 0x200000))
      seen[bit >>> 5]! |= 1 << (bit & 31)
    }
    return grams.size
  })

  return {
    overlaps: (text) => {
      const held = new Map<number, number>()
      for (const length of lengths) {
        if (text.length < length) continue
        for (const gram of new Set(gramHashes(text, length, { seen, postings }))) {
          for (const item of postings.get(gram)!) held.set(item, (held.get(item) ?? 0) + 1)
        }
      }
      return [...held].map(([item, count]) => ({ item, held: count / sizes[item]! }))
    },
  }
}

/** Bits of a filter in front of the index: most n-grams of a text are in no indexed one, and a bit tells so faster than a map. */
const filterBits = 1 << 24

/** The bit of an n-gram, from the first half of its hash. */
const filterBit = (high: number): number => high & (filterBits - 1)

interface Known {
  readonly seen: Uint32Array
  readonly postings: ReadonlyMap<number, unknown>
}

const base = 0x9e3779b1
const otherBase = 0x85ebca77

/** Hashes of all n-grams of a text, or of those that `known` has. The length is part of the hash. */
function gramHashes(text: string, length: number, known?: Known): number[] {
  const hashes: number[] = []
  let a = 0
  let b = 0
  let topA = 1
  let topB = 1
  for (let i = 1; i < length; i++) {
    topA = Math.imul(topA, base)
    topB = Math.imul(topB, otherBase)
  }
  for (let i = 0; i < text.length; i++) {
    if (i >= length) {
      const leaving = text.charCodeAt(i - length)
      a = (a - Math.imul(leaving, topA)) | 0
      b = (b - Math.imul(leaving, topB)) | 0
    }
    const code = text.charCodeAt(i)
    a = (Math.imul(a, base) + code) | 0
    b = (Math.imul(b, otherBase) + code) | 0
    if (i < length - 1) continue
    const high = mix32(a ^ length)
    if (known) {
      const bit = filterBit(high)
      if (((known.seen[bit >>> 5]! >>> (bit & 31)) & 1) === 0) continue
    }
    const hash = high * 0x200000 + (mix32(b) >>> 11)
    if (!known || known.postings.has(hash)) hashes.push(hash)
  }
  return hashes
}
