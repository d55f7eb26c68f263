import { type Banding, bandsForRecall } from './bands'
import { type Components, clusters, components } from './components'
import { estimateJaccard, type MinHashOptions, minHash } from './minhash'
import { editSimilarity, jaccardOfSorted, sortedSet } from './similarity'

/** How candidates of the bands are checked. */
export type Verification =
  /** Exact Jaccard similarity of the shingle sets (default). */
  | 'jaccard'
  /** Edit similarity of the texts, as in Lee et al. 2022. */
  | 'edit'
  /** The estimate of the signatures. */
  | 'estimate'
  /** Not at all: every candidate is a near-duplicate, as in text-dedup. */
  | 'none'

/** Options of `nearDuplicates`. */
export interface NearOptions extends Omit<MinHashOptions, 'backend'> {
  /** Pairs of at least this similarity are duplicates (default 0.8). */
  readonly threshold?: number | undefined
  /** Chance to find a pair that lies exactly at the threshold (default 0.995); decides the banding. */
  readonly recall?: number | undefined
  /** A banding of your own instead. */
  readonly banding?: Banding | undefined
  readonly verify?: Verification | undefined
  /** Splits texts into items other than characters n-grams, such as words; returns mixed 32-bit hashes. */
  readonly items?: ((text: string) => Uint32Array) | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** What was found, by index into the list of texts. */
export interface NearDuplicates {
  /** Smallest index of the component of each text. */
  readonly roots: Int32Array
  /** Components of two texts or more, each in ascending order. */
  readonly clusters: readonly (readonly number[])[]
  /** Pairs that were compared, and those of them at or above the threshold. */
  readonly compared: number
  readonly matched: number
  readonly banding: Banding
}

/**
 * Connected components of near-duplicates: MinHash over character n-grams, bands, verification of candidates. Empty texts are
 * duplicates of each other. Deterministic; texts are only read.
 */
export function nearDuplicates(texts: readonly string[], options: NearOptions = {}): NearDuplicates {
  const {
    threshold = 0.8,
    permutations = 128,
    recall = 0.995,
    banding = bandsForRecall({ threshold, permutations, recall }),
    verify = 'jaccard',
    items,
    onProgress,
  } = options
  const kernel = minHash(options)
  const signatures = new Uint32Array(texts.length * permutations)
  const signature = (index: number): Uint32Array =>
    signatures.subarray(index * permutations, (index + 1) * permutations)
  for (let index = 0; index < texts.length; index++) {
    if (items) kernel.signatureOfHashes(items(texts[index]!), signature(index))
    else kernel.signature(texts[index]!, signature(index))
    if (onProgress && index % 1024 === 0) onProgress(index, texts.length)
  }
  const hashes = (index: number): Uint32Array => (items ? items(texts[index]!) : kernel.shingles(texts[index]!))
  const matches = verifier({ texts, signature, hashes, threshold, permutations, verify })
  const joined = joinBands({ signatures, permutations, banding, matches })
  return {
    roots: Int32Array.from({ length: texts.length }, (_, index) => joined.sets.find(index)),
    clusters: clusters(joined.sets, texts.length),
    compared: joined.compared,
    matched: joined.matched,
    banding,
  }
}

interface VerifierInput {
  readonly texts: readonly string[]
  readonly signature: (index: number) => Uint32Array
  readonly hashes: (index: number) => Uint32Array
  readonly threshold: number
  readonly permutations: number
  readonly verify: Verification
}

/** True when two texts are similar enough. Shingle sets are kept while the same left text is compared. */
function verifier({
  texts,
  signature,
  hashes,
  threshold,
  permutations,
  verify,
}: VerifierInput): (a: number, b: number) => boolean {
  // Five standard errors below the threshold an estimate rules the pair out: less than one pair in three million is lost.
  const floor = threshold - 5 * Math.sqrt((threshold * (1 - threshold)) / permutations) - 1 / permutations
  const sets = recent((index: number) => sortedSet(hashes(index)))
  if (verify === 'none') return () => true
  if (verify === 'edit') return (a, b) => editSimilarity(texts[a]!, texts[b]!) >= threshold
  return (a, b) => {
    const estimate = estimateJaccard(signature(a), signature(b))
    if (verify === 'estimate') return estimate >= threshold
    return estimate >= floor && jaccardOfSorted(sets(a), sets(b)) >= threshold
  }
}

/** Remembers the last few thousand results of an expensive function of an index. */
function recent<T>(make: (index: number) => T, capacity = 4096): (index: number) => T {
  const kept = new Map<number, T>()
  return (index) => {
    const found = kept.get(index)
    if (found !== undefined) return found
    const made = make(index)
    if (kept.size >= capacity) kept.delete(kept.keys().next().value!)
    kept.set(index, made)
    return made
  }
}

interface BandInput {
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
