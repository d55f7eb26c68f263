import type { Banding } from './bands'
import { type Components, components } from './components'
import { mix32 } from './minhash-js'

/** Signatures and how their candidates are judged. */
export interface BandInput {
  readonly signatures: Uint32Array
  readonly permutations: number
  readonly banding: Banding
  readonly matches: (a: number, b: number) => boolean
}

/** Joins what meets in a bucket of any band and matches. One hash table serves all bands; texts already joined are not compared again. */
export function joinBands({ signatures, permutations, banding, matches }: BandInput): {
  readonly sets: Components
  readonly compared: number
  readonly matched: number
} {
  const size = signatures.length / permutations
  const sets = components(size)
  const buckets = bucketTable(signatures, permutations, size)
  const refused = new Set<number>()
  let compared = 0
  let matched = 0
  for (let band = 0; band < banding.bands; band++) {
    buckets.open(band * banding.rows, banding.rows)
    for (let item = 0; item < size; item++) {
      for (let other = buckets.add(item); other >= 0; other = buckets.next(other)) {
        if (sets.find(item) === sets.find(other)) continue
        const pair = other * size + item
        if (refused.has(pair)) continue
        compared++
        if (matches(other, item)) {
          sets.union(other, item)
          matched++
        } else refused.add(pair)
      }
    }
  }
  return { sets, compared, matched }
}

interface BucketTable {
  /** Empties the table for the band that begins at `offset`. */
  open(offset: number, rows: number): void
  /** Puts an item in its bucket and gives the latest one already there, or -1. */
  add(item: number): number
  /** The item that came into the bucket before `item`, or -1. */
  next(item: number): number
}

/** An open-addressing table from the values of a band to the items that have them, newest first. */
function bucketTable(signatures: Uint32Array, permutations: number, size: number): BucketTable {
  const slots = 1 << Math.max(4, Math.ceil(Math.log2(size * 2 + 1)))
  const heads = new Int32Array(slots)
  const before = new Int32Array(size)
  let offset = 0
  let rows = 0

  const same = (a: number, b: number): boolean => {
    for (let i = 0, x = a * permutations + offset, y = b * permutations + offset; i < rows; i++)
      if (signatures[x + i] !== signatures[y + i]) return false
    return true
  }

  return {
    open: (at, count) => {
      offset = at
      rows = count
      heads.fill(-1)
    },
    add: (item) => {
      let hash = 0
      for (let i = 0, at = item * permutations + offset; i < rows; i++)
        hash = (Math.imul(hash, 0x9e3779b1) + signatures[at + i]!) | 0
      let slot = ((hash ^ (hash >>> 15)) & (slots - 1)) >>> 0
      while (heads[slot]! >= 0 && !same(heads[slot]!, item)) slot = (slot + 1) & (slots - 1)
      const head = heads[slot]!
      before[item] = head
      heads[slot] = item
      return head
    },
    next: (item) => before[item]!,
  }
}

/** For each band the items by the key of their values. */
export function bandKeys(signatures: Uint32Array, permutations: number, banding: Banding): Map<number, number[]>[] {
  return Array.from({ length: banding.bands }, (_, band) => {
    const items = new Map<number, number[]>()
    for (let item = 0; item * permutations < signatures.length; item++) {
      const key = bandKey(signatures, item * permutations, band, banding)
      const list = items.get(key)
      if (list) list.push(item)
      else items.set(key, [item])
    }
    return items
  })
}

/** A 53-bit hash of the values of one band. */
export function bandKey(signatures: Uint32Array, start: number, band: number, { rows }: Banding): number {
  let a = 0
  let b = band
  for (let i = start + band * rows; i < start + (band + 1) * rows; i++) {
    a = (Math.imul(a, 0x9e3779b1) + signatures[i]!) | 0
    b = (Math.imul(b, 0x85ebca77) + signatures[i]!) | 0
  }
  return mix32(a) * 0x200000 + (mix32(b) >>> 11)
}
