import { createHash } from 'node:crypto'
import {
  candidateProbability,
  falseNegativeArea,
  falsePositiveArea,
  type MinHashScheme,
  minHashOf,
  optimalBands,
  textDedupBand,
  textDedupShingles,
} from '@qilin-med/chimed'
import type { Case } from '../../kind'
import { readGolden } from '../chimed/golden'
import { equal, exact, largest } from './compare'

/** scipy's quad stops at an estimated error of 1.5e-8; our rule and quad agree far below that. */
const area = 1e-8

interface BandRow {
  readonly threshold: number
  readonly num_perm: number
  readonly datasketch: Readonly<
    Record<
      string,
      {
        readonly bands: number
        readonly rows: number
        readonly false_positive_area: number
        readonly false_negative_area: number
      }
    >
  >
  readonly 'text_dedup_0.5/0.5'?: readonly [number, number]
}

interface Signature {
  readonly scheme: MinHashScheme
  readonly items: readonly string[]
  readonly item_hashes: readonly string[]
  readonly a: readonly string[]
  readonly b: readonly string[]
  readonly hash_values: readonly string[]
}

interface TextDedupSignature {
  readonly hash_bits: 32 | 64
  readonly hash: string
  readonly text: string
  readonly ngram_size: number
  readonly min_length: number
  readonly shingles: readonly string[]
  readonly shingle_hashes: readonly number[]
  readonly a: readonly string[]
  readonly b: readonly string[]
  readonly bands_hex: readonly string[]
}

interface Banding {
  readonly table: readonly BandRow[]
  readonly candidate_probability: readonly {
    readonly bands: number
    readonly rows: number
    readonly similarity: number
    readonly candidate_probability: number
  }[]
  readonly minhash: readonly Signature[]
  readonly text_dedup_minhash: readonly TextDedupSignature[]
}

/** Bands and rows, and MinHash signatures bit by bit. */
export function bandingCases(golden: string): Case[] {
  const found = readGolden<Banding>(golden, 'text/dedup/banding')
  if (!found) return []
  const path = 'text/dedup/banding'
  const schemes = [...new Set(found.minhash.map(({ scheme }) => scheme))]
  return [
    {
      path,
      name: 'optimal bands and rows',
      run: () => ({
        difference: largest(found.table.map(bandsDiffer)),
        tolerance: 0,
        detail: `${found.table.length} settings`,
      }),
    },
    { path, name: 'areas', run: () => ({ difference: largest(found.table.map(areaDifference)), tolerance: area }) },
    {
      path,
      name: 'candidate probability',
      run: () => ({
        difference: largest(
          found.candidate_probability.map((row) =>
            Math.abs(candidateProbability(row.similarity, row) - row.candidate_probability),
          ),
        ),
        tolerance: exact,
      }),
    },
    ...schemes.map(
      (scheme): Case => ({
        path,
        name: `minhash ${scheme}`,
        run: () => ({
          difference: largest(found.minhash.filter((row) => row.scheme === scheme).map(signatureDiffers)),
          tolerance: 0,
        }),
      }),
    ),
    ...([64, 32] as const).map(
      (bits): Case => ({
        path,
        name: `text-dedup minhash ${bits}`,
        run: () => ({
          difference: largest(found.text_dedup_minhash.filter((row) => row.hash_bits === bits).map(textDedupDiffers)),
          tolerance: 0,
        }),
      }),
    ),
  ]
}

function bandsDiffer({ threshold, num_perm: permutations, datasketch, ...row }: BandRow): number {
  const wrong = Object.entries(datasketch).map(([weights, { bands, rows }]) => {
    const [falsePositiveWeight, falseNegativeWeight] = weights.split('/').map(Number)
    return equal(optimalBands({ threshold, permutations, falsePositiveWeight, falseNegativeWeight }), { bands, rows })
  })
  const textDedup = row['text_dedup_0.5/0.5']
  if (textDedup) wrong.push(equal(Object.values(optimalBands({ threshold, permutations })), textDedup))
  return largest(wrong)
}

const areaDifference = ({ threshold, datasketch }: BandRow): number =>
  largest(
    Object.values(datasketch).map(({ bands, rows, false_positive_area: positive, false_negative_area: negative }) =>
      Math.max(
        Math.abs(falsePositiveArea(threshold, { bands, rows }) - positive),
        Math.abs(falseNegativeArea(threshold, { bands, rows }) - negative),
      ),
    ),
  )

const bigints = (values: readonly (string | number)[]): bigint[] => values.map(BigInt)

/** The item hashes are checked too: the first bytes of SHA-1, little-endian. */
function signatureDiffers({ scheme, items, item_hashes: hashes, a, b, hash_values: values }: Signature): number {
  const own = items.map((item) => {
    const digest = createHash('sha1').update(item).digest()
    return String(scheme === 'affine64' ? digest.readBigUInt64LE(0) : digest.readUInt32LE(0))
  })
  const signature = minHashOf(bigints(hashes), { a: bigints(a), b: bigints(b) }, scheme)
  return Math.max(equal(own, hashes), equal(signature.map(String), values))
}

/** Shingles from the text, bands from the hashes in the file (XXH3 is not ours). */
function textDedupDiffers(row: TextDedupSignature): number {
  const shingles = textDedupShingles(row.text, { n: row.ngram_size, minLength: row.min_length })
  const wide = row.hash_bits === 64
  const signature = minHashOf(
    bigints(row.shingle_hashes),
    { a: bigints(row.a), b: bigints(row.b) },
    wide ? 'legacy' : 'text-dedup-32',
  )
  const size = signature.length / row.bands_hex.length
  const bands = row.bands_hex.map((_, index) =>
    textDedupBand(signature.slice(index * size, (index + 1) * size), wide ? 8 : 4),
  )
  return Math.max(equal([...shingles].sort(), [...row.shingles].sort()), equal(bands, row.bands_hex))
}
