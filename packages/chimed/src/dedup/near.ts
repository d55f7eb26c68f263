import { ChimedError } from '../errors'
import { type Banding, bandsForRecall } from './bands'
import { clusters, rootsOf } from './components'
import { bandKeys, joinRepeats, repeatedKeys } from './lsh'
import { estimateJaccard, type MinHashKernel, type MinHashOptions, minHash } from './minhash'
import { editSimilarity } from './similarity'

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
  /** Splits texts into items other than characters n-grams, such as words (`jiebaItems`); returns mixed 32-bit hashes. */
  readonly items?: ((text: string) => Uint32Array) | undefined
  /** Says which pairs (by index, the smaller first) may be duplicates at all; all may when absent. */
  readonly comparable?: ((a: number, b: number) => boolean) | undefined
  /** A kernel to use again, with its threads; `permutations`, `n`, `seed` and `threads` are then its own. */
  readonly kernel?: MinHashKernel | undefined
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
 * duplicates of each other. Deterministic for any number of threads; texts are only read.
 */
export function nearDuplicates(texts: readonly string[], options: NearOptions = {}): NearDuplicates {
  return withKernel(options, (kernel) => {
    const banding = bandingOf(kernel, options)
    const { signatures, repeats } = sketchesOf(texts, banding, kernel, options)
    const signature = rowsOf(signatures, kernel.permutations)
    const verifier = aheadVerifier({ text: (index) => texts[index]!, signature }, kernel, options)
    const { sets, compared, matched } = joinRepeats({ size: texts.length, repeats, ...verifier })
    return { roots: rootsOf(sets, texts.length), clusters: clusters(sets, texts.length), compared, matched, banding }
  })
}

/**
 * Which of the pairs are near-duplicates, one byte a pair: 1 or 0. For pipelines that keep signatures and candidates elsewhere.
 *
 * @param pairs  indices into `texts`, two a pair
 */
export function verifyPairs(texts: readonly string[], pairs: ArrayLike<number>, options: NearOptions = {}): Uint8Array {
  return withKernel(options, (kernel) => {
    const verdicts = new Uint8Array(pairs.length / 2)
    const { matches, prepare } = aheadVerifier({ text: (index) => texts[index]! }, kernel, options)
    for (let from = 0; from < verdicts.length; from += batchPairs) {
      const to = Math.min(from + batchPairs, verdicts.length)
      prepare?.(Array.from({ length: 2 * (to - from) }, (_, i) => pairs[2 * from + i]!))
      for (let i = from; i < to; i++) verdicts[i] = matches(pairs[2 * i]!, pairs[2 * i + 1]!) ? 1 : 0
    }
    return verdicts
  })
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
  return withKernel(options, (kernel) => {
    const find = referenceFinder(references, kernel, options)
    const found = new Int32Array(texts.length)
    for (let from = 0; from < texts.length; from += batchTexts)
      found.set(find(texts.slice(from, from + batchTexts)), from)
    return found
  })
}

/** The same for one text at a time: a function that gives the smallest index of a near-duplicate in `references`, or -1. */
export function nearestReference(references: readonly string[], options: NearOptions = {}): (text: string) => number {
  const find = referenceFinder(references, options.kernel ?? minHash(options), options)
  return (text) => find([text])[0]!
}

/** A function that does so for a batch of texts. */
function referenceFinder(
  references: readonly string[],
  kernel: MinHashKernel,
  options: NearOptions,
): (texts: readonly string[]) => Int32Array {
  const { permutations } = kernel
  const banding = bandingOf(kernel, options)
  const { bands } = banding
  const known = signaturesOf(references, kernel, options)
  const buckets = keyTables(bandKeys(known, { permutations, banding }), bands)
  const ofReference = rowsOf(known, permutations)
  return (texts) => {
    const signatures = signaturesOf(texts, kernel, { items: options.items })
    const keys = bandKeys(signatures, { permutations, banding })
    const ofText = rowsOf(signatures, permutations)
    const matches = pairVerifier(
      {
        text: (index) => references[index] ?? texts[index - references.length]!, // texts are numbered behind the references
        signature: (index) => (index < references.length ? ofReference(index) : ofText(index - references.length)),
      },
      kernel,
      options,
    )
    return Int32Array.from(texts, (text, row) => {
      if (text === '') return -1
      const candidates = new Set(buckets.flatMap((bucket, band) => bucket.get(keys[row * bands + band]!) ?? []))
      const hit = [...candidates].sort((a, b) => a - b).find((reference) => matches(reference, references.length + row))
      return hit ?? -1
    })
  }
}

/** Pairs that are handed to threads at a time. */
const batchPairs = 1 << 16

/** Texts whose signatures are in memory at a time where they are compared with references only. */
const batchTexts = 1 << 14

/** Calls with the kernel of the options, or with one that is disposed of afterwards. */
function withKernel<T>(options: NearOptions, use: (kernel: MinHashKernel) => T): T {
  if (options.kernel) return use(options.kernel)
  const kernel = minHash(options)
  try {
    return use(kernel)
  } finally {
    kernel[Symbol.dispose]()
  }
}

function bandingOf(
  { permutations }: MinHashKernel,
  { threshold = 0.8, recall = 0.995, banding = bandsForRecall({ threshold, permutations, recall }) }: NearOptions,
): Banding {
  const { bands, rows } = banding
  if (bands * rows <= permutations) return banding
  throw new ChimedError(
    'option',
    `nearDuplicates: expected a banding of at most ${permutations} permutations, got ${bands} bands of ${rows} rows. Use fewer, or more permutations.`,
  )
}

/** As `Sketches`; by the kernel where it can. */
function sketchesOf(
  texts: readonly string[],
  banding: Banding,
  kernel: MinHashKernel,
  options: NearOptions,
): { readonly signatures: Uint32Array; readonly repeats: Iterable<Uint32Array> } {
  if (kernel.sketch && !options.items) return kernel.sketch(texts, { banding, onProgress: options.onProgress })
  const signatures = signaturesOf(texts, kernel, options)
  const keys = bandKeys(signatures, { permutations: kernel.permutations, banding })
  return { signatures, repeats: repeatedKeys(keys, banding.bands) }
}

function signaturesOf(
  texts: readonly string[],
  kernel: MinHashKernel,
  { items, onProgress }: NearOptions,
): Uint32Array {
  const { permutations } = kernel
  const signatures = new Uint32Array(texts.length * permutations)
  for (let from = 0; from < texts.length; from += batchTexts) {
    onProgress?.(from, texts.length)
    const to = Math.min(from + batchTexts, texts.length)
    if (!items) signatures.set(kernel.signatures(texts.slice(from, to)), from * permutations)
    else
      for (let i = from; i < to; i++)
        kernel.signatureOfHashes(items(texts[i]!), signatures.subarray(i * permutations, (i + 1) * permutations))
  }
  return signatures
}

/** Texts by index, and their signatures where there are some. */
export interface Compared {
  readonly text: (index: number) => string
  readonly signature?: (index: number) => Uint32Array
  /** Exact comparison of two texts in place of the kernel's. */
  readonly similar?: (a: number, b: number) => boolean
}

/** A test of pairs, and where that helps a function that does the work for the pairs that are tested next. */
interface AheadVerifier {
  readonly matches: (a: number, b: number) => boolean
  readonly prepare?: (pairs: readonly number[]) => void
}

/** `pairVerifier` that computes similarities of many pairs on the threads of the kernel, where it has some. */
function aheadVerifier(compared: Compared, kernel: MinHashKernel, options: NearOptions): AheadVerifier {
  const { threshold = 0.8, verify = 'jaccard', items } = options
  const { text } = compared
  const known = new Map<number, boolean>()
  const similar = (a: number, b: number): boolean =>
    known.get(pairName(a, b)) ?? kernel.similarity(text(a), text(b)) >= threshold
  if (!kernel.similarities || verify !== 'jaccard' || items) return { matches: pairVerifier(compared, kernel, options) }
  const { similarities } = kernel
  return {
    matches: pairVerifier({ ...compared, similar }, kernel, options),
    prepare: (pairs) => {
      known.clear()
      const open: number[] = []
      // The verifier itself says which pairs it would compare exactly.
      const collect = (a: number, b: number): boolean => open.push(a, b) > 0
      const visit = pairVerifier({ ...compared, similar: collect }, kernel, options)
      for (let i = 0; i < pairs.length; i += 2) visit(pairs[i]!, pairs[i + 1]!)
      if (open.length < 2 * fewPairs) return
      for (const [i, similarity] of similarities(text, open).entries())
        known.set(pairName(open[2 * i]!, open[2 * i + 1]!), similarity >= threshold)
    },
  }
}

/** One number for a pair of indices below 2^26, more texts than fit in memory with their signatures. */
const pairName = (a: number, b: number): number => a * 0x4000000 + b

/** So few are not worth a copy to shared memory. */
const fewPairs = 16

/** True when two texts are similar enough. Where there are signatures, their estimate rules out most of those that are not. */
export function pairVerifier(
  { text, signature, similar }: Compared,
  kernel: MinHashKernel,
  { threshold = 0.8, verify = 'jaccard', items, comparable = () => true }: NearOptions,
): (a: number, b: number) => boolean {
  const { permutations } = kernel
  const hashes = items && recent((index: number) => items(text(index)))
  const sign = (index: number): Uint32Array => {
    const made = new Uint32Array(permutations)
    if (hashes) kernel.signatureOfHashes(hashes(index), made)
    else kernel.signature(text(index), made)
    return made
  }
  const estimate = (a: number, b: number): number => estimateJaccard((signature ?? sign)(a), (signature ?? sign)(b))
  const similarity = (a: number, b: number): number =>
    hashes ? kernel.similarityOfHashes(hashes(a), hashes(b)) : kernel.similarity(text(a), text(b))
  const exact = similar ?? ((a: number, b: number): boolean => similarity(a, b) >= threshold)
  // Five standard errors below the threshold an estimate rules the pair out: less than one pair in three million is lost.
  const floor = threshold - 5 * Math.sqrt((threshold * (1 - threshold)) / permutations) - 1 / permutations
  const checks: Record<Verification, (a: number, b: number) => boolean> = {
    none: () => true,
    edit: (a, b) => editSimilarity(text(a), text(b)) >= threshold,
    estimate: (a, b) => estimate(a, b) >= threshold,
    jaccard: (a, b) => (!signature || estimate(a, b) >= floor) && exact(a, b),
  }
  const check = checks[verify]
  return (a, b) => comparable(a, b) && (text(a) === text(b) || check(a, b))
}

/** The signature of each text, out of those of all. */
const rowsOf =
  (signatures: Uint32Array, permutations: number): ((index: number) => Uint32Array) =>
  (index) =>
    signatures.subarray(index * permutations, (index + 1) * permutations)

/** Remembers the last few thousand results of an expensive function of an index. */
export function recent<T>(make: (index: number) => T, capacity = 4096): (index: number) => T {
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

/** For each band the texts by their key. */
function keyTables(keys: Float64Array, bands: number): Map<number, number[]>[] {
  return Array.from({ length: bands }, (_, band) => {
    const items = new Map<number, number[]>()
    for (let item = 0; item * bands < keys.length; item++) {
      const key = keys[item * bands + band]!
      const list = items.get(key)
      if (list) list.push(item)
      else items.set(key, [item])
    }
    return items
  })
}
