/** Hash schemes of the Python libraries, for signatures that can be compared with theirs. */
export type MinHashScheme =
  /** datasketch 2's default: MurmurHash3's finaliser, then a·h + b, in 32 bits. */
  | 'affine32'
  /** The same in 64 bits. */
  | 'affine64'
  /** datasketch's older default and 64-bit text-dedup: ((a·h + b) mod 2^64 mod 2^61 - 1) mod 2^32; the product wraps. */
  | 'legacy'
  /** 32-bit text-dedup: (a·h + b) mod 2^32 mod 2^32 - 5. */
  | 'text-dedup-32'

/** Factors and terms of the permutations. */
export interface AffineFactors {
  readonly a: readonly bigint[]
  readonly b: readonly bigint[]
}

/** The signature of a set of item hashes in one of those schemes; all ones where there is no item. Exact and slow. */
export function minHashOf(hashes: readonly bigint[], { a, b }: AffineFactors, scheme: MinHashScheme): bigint[] {
  const empty = scheme === 'affine64' ? 2n ** 64n - 1n : 2n ** 32n - 1n
  return a.map((factor, index) =>
    hashes
      .map((hash) => permute(hash, factor, b[index]!, scheme))
      .reduce((least, value) => (value < least ? value : least), empty),
  )
}

const permutations: Record<MinHashScheme, (h: bigint, a: bigint, b: bigint) => bigint> = {
  affine32: (h, a, b) => BigInt.asUintN(32, a * finalise(h, 32, [16n, 0x85ebca6bn, 13n, 0xc2b2ae35n, 16n]) + b),
  affine64: (h, a, b) =>
    BigInt.asUintN(64, a * finalise(h, 64, [33n, 0xff51afd7ed558ccdn, 33n, 0xc4ceb9fe1a85ec53n, 33n]) + b),
  legacy: (h, a, b) => BigInt.asUintN(32, BigInt.asUintN(64, a * h + b) % (2n ** 61n - 1n)),
  'text-dedup-32': (h, a, b) => BigInt.asUintN(32, a * h + b) % (2n ** 32n - 5n),
}

const permute = (h: bigint, a: bigint, b: bigint, scheme: MinHashScheme): bigint => permutations[scheme](h, a, b)

function finalise(
  hash: bigint,
  bits: number,
  [s1, m1, s2, m2, s3]: readonly [bigint, bigint, bigint, bigint, bigint],
): bigint {
  let h = BigInt.asUintN(bits, hash)
  h = BigInt.asUintN(bits, (h ^ (h >> s1)) * m1)
  h = BigInt.asUintN(bits, (h ^ (h >> s2)) * m2)
  return h ^ (h >> s3)
}

/** Shingles of text-dedup: lower case, split at everything but letters, digits and `_`, n parts joined by blanks; none below `minLength` parts. */
export function textDedupShingles(
  text: string,
  { n = 5, minLength = 5 }: { readonly n?: number; readonly minLength?: number } = {},
): string[] {
  const parts = text.toLowerCase().split(/[^\p{L}\p{N}_]/u)
  if (parts.length < minLength) return []
  if (parts.length < n) return [parts.join(' ')]
  return [...new Set(parts.slice(n - 1).map((_, index) => parts.slice(index, index + n).join(' ')))]
}

/** The bytes of a band as text-dedup stores them: big-endian, 8 bytes a value of 64-bit hashes, 4 of 32-bit ones. */
export const textDedupBand = (values: readonly bigint[], bytes: 4 | 8): string =>
  values.map((value) => value.toString(16).padStart(bytes * 2, '0')).join('')
