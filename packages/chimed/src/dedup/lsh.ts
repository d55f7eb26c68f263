import type { Banding } from './bands'
import { type Components, components } from './components'
import { mix32 } from './minhash-js'

/**
 * Keys of the bands of signatures: [texts × bands], whole numbers below 2^53. Two texts are candidates when they have the key of a band in
 * common; that texts with other values have it happens to one pair in 2^53.
 *
 * @param signatures  [texts × permutations], as `MinHashKernel.signatures` gives them
 */
export function bandKeys(
  signatures: Uint32Array,
  { permutations, banding }: { readonly permutations: number; readonly banding: Banding },
): Float64Array {
  const { bands, rows } = banding
  const texts = signatures.length / permutations
  const keys = new Float64Array(texts * bands)
  for (let text = 0, out = 0; text < texts; text++) {
    let at = text * permutations
    for (let band = 0; band < bands; band++) {
      let a = 0
      let b = band
      for (let row = 0; row < rows; row++) {
        const value = signatures[at++]!
        a = (Math.imul(a, 0x9e3779b1) + value) | 0
        b = (Math.imul(b, 0x85ebca77) + value) | 0
      }
      keys[out++] = mix32(a) * 0x200000 + (mix32(b) >>> 11)
    }
  }
  return keys
}

/** Band keys of texts and how candidates are judged. */
export interface BandInput {
  /** [texts × bands] */
  readonly keys: Float64Array
  readonly bands: number
  /** Called once at most for a pair of texts that are not joined already; `a` is below `b`. */
  readonly matches: (a: number, b: number) => boolean
}

/** What came of joining. */
export interface JoinedBands {
  readonly sets: Components
  /** Pairs that were judged, and those that matched. */
  readonly compared: number
  readonly matched: number
}

/**
 * Joins what has a key in common and matches, to the connected components of all such pairs. Texts of a bucket that are joined already are
 * passed over together, so that many copies of one text take no longer than as many different ones.
 */
export const joinBands = ({ keys, bands, matches }: BandInput): JoinedBands =>
  joinRepeats({ size: keys.length / bands, repeats: repeatedKeys(keys, bands), matches })

/** Texts that have keys in common, as in `Sketches`, and how candidates are judged. */
export interface RepeatInput extends Pick<BandInput, 'matches'> {
  /** Number of texts. */
  readonly size: number
  readonly repeats: Iterable<Uint32Array>
  /** Told of pairs that `matches` is most likely called with next, two numbers a pair. */
  readonly prepare?: ((pairs: readonly number[]) => void) | undefined
}

/** `joinBands` for keys that were looked up already. */
export function joinRepeats({ size, repeats, matches, prepare }: RepeatInput): JoinedBands {
  const sets = components(size)
  const judge = judgeOnce(size, matches)
  // A bucket, named by its first text, is a list of groups; a group is its first text and a list of others that were joined with it.
  const lastGroup = new Int32Array(size)
  const nextGroup = new Int32Array(size)
  const members = new Int32Array(size)
  const nextMember = new Int32Array(size)

  function joinGroup(group: number, item: number): boolean {
    if (sets.find(group) === sets.find(item)) return true
    for (let other = group; other >= 0; other = other === group ? members[group]! : nextMember[other]!) {
      if (!judge.matches(other, item)) continue
      sets.union(other, item)
      return true
    }
    return false
  }

  function openGroup(group: number, next: number, bucket: number): void {
    nextGroup[group] = next
    members[group] = -1
    lastGroup[bucket] = group
  }

  function place(item: number, bucket: number): void {
    let home = -1
    for (let group = lastGroup[bucket]!; group >= 0; group = nextGroup[group]!)
      if (joinGroup(group, item) && home < 0) home = group
    if (home < 0) openGroup(item, lastGroup[bucket]!, bucket)
    else {
      nextMember[item] = members[home]!
      members[home] = item
    }
  }

  const unsettled = new Int32Array(size) // the latest band, counted from 1, in which a bucket has texts that are not joined with its first
  let band = 0

  /** Marks the buckets in which there is something to do; pairs of their first text and those that are not joined with it. */
  function open(repeated: Uint32Array): number[] {
    const pairs: number[] = []
    band++
    for (let i = 0; i < repeated.length; i += 2) {
      const item = repeated[i]!
      const first = repeated[i + 1]!
      if (sets.find(first) === sets.find(item)) continue
      if (unsettled[first] !== band) openGroup(first, -1, first)
      unsettled[first] = band
      if (!judge.refused(first, item)) pairs.push(first, item)
    }
    return pairs
  }

  for (const repeated of repeats) {
    const pairs = open(repeated)
    prepare?.(pairs)
    for (let i = 0; i < repeated.length; i += 2)
      if (unsettled[repeated[i + 1]!] === band) place(repeated[i]!, repeated[i + 1]!)
  }
  return { sets, compared: judge.compared(), matched: judge.matched() }
}

/** For each band the texts that have the key of an earlier one, as in `Sketches`. */
export function* repeatedKeys(keys: Float64Array, bands: number): Generator<Uint32Array> {
  const size = keys.length / bands
  const heads = new Int32Array(1 << Math.max(4, Math.ceil(Math.log2(size * 2 + 1))))
  for (let band = 0; band < bands; band++) {
    const repeated: number[] = []
    heads.fill(-1)
    for (let item = 0; item < size; item++) {
      const slot = slotOf(keys, item * bands + band, heads, bands, band)
      if (heads[slot]! < 0) heads[slot] = item
      else repeated.push(item, heads[slot]!)
    }
    yield Uint32Array.from(repeated)
  }
}

/** The slot of the bucket of the key at `at`; an empty one when there is none. */
function slotOf(keys: Float64Array, at: number, heads: Int32Array, bands: number, band: number): number {
  const key = keys[at]!
  const mask = heads.length - 1
  // The upper half of the key is mixed already.
  let slot = Math.floor(key / 0x200000) & mask
  while (heads[slot]! >= 0 && keys[heads[slot]! * bands + band] !== key) slot = (slot + 1) & mask
  return slot
}

/** Pairs remembered as no match; beyond that they are forgotten, which costs time only. */
const rememberedPairs = 1 << 22

/** Judges pairs and remembers those that do not match. */
function judgeOnce(
  size: number,
  matches: BandInput['matches'],
): {
  matches(a: number, b: number): boolean
  refused(a: number, b: number): boolean
  compared(): number
  matched(): number
} {
  const refused = new Set<number>()
  let compared = 0
  let matched = 0
  return {
    matches: (a, b) => {
      const pair = a * size + b
      if (refused.has(pair)) return false
      compared++
      if (matches(a, b)) {
        matched++
        return true
      }
      if (refused.size >= rememberedPairs) refused.clear()
      refused.add(pair)
      return false
    },
    refused: (a, b) => refused.has(a * size + b),
    compared: () => compared,
    matched: () => matched,
  }
}
