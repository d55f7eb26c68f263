import { type Banding, bandsForRecall } from './bands'
import { clusters } from './components'
import { bandKey, bandKeys, joinBands } from './lsh'
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

/**
 * For each text the smallest index of a near-duplicate in `references`, or -1. As `nearDuplicates`, but texts are compared with the references
 * only, not with each other.
 */
export function nearDuplicatesBetween(
  references: readonly string[],
  texts: readonly string[],
  options: NearOptions = {},
): Int32Array {
  const {
    threshold = 0.8,
    permutations = 128,
    recall = 0.995,
    banding = bandsForRecall({ threshold, permutations, recall }),
  } = options
  const kernel = minHash(options)
  const known = new Uint32Array(references.length * permutations)
  const at = (index: number): Uint32Array => known.subarray(index * permutations, (index + 1) * permutations)
  for (const [index, text] of references.entries()) kernel.signature(text, at(index))
  const buckets = bandKeys(known, permutations, banding)
  const sets = recent((index: number) => sortedSet(kernel.shingles(references[index]!)))
  const signature = new Uint32Array(permutations)
  return Int32Array.from(texts, (text) => {
    if (text === '') return -1
    kernel.signature(text, signature)
    const candidates = new Set<number>()
    for (let band = 0; band < banding.bands; band++)
      for (const index of buckets[band]!.get(bandKey(signature, 0, band, banding)) ?? []) candidates.add(index)
    if (candidates.size === 0) return -1
    const own = sortedSet(kernel.shingles(text))
    const matches = [...candidates].filter((index) => jaccardOfSorted(sets(index), own) >= threshold)
    return matches.length === 0 ? -1 : Math.min(...matches)
  })
}
