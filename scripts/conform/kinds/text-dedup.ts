import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  candidateProbability,
  characterGrams,
  duplicatedRanges,
  duplicatedTokens,
  duplicatedWindows,
  editSimilarity,
  falseNegativeArea,
  falsePositiveArea,
  jaccard,
  type MinHashScheme,
  mergeRanges,
  minHashOf,
  nearDuplicates,
  optimalBands,
  type Range,
  removeDuplicatedTokens,
  textDedupBand,
  textDedupShingles,
} from '@qilin-med/chimed'
import type { Case, Kind, Outcome } from '../kind'

/** Near and exact duplicates: similarities, components, bands, MinHash bits, duplicated ranges. */
export const kind: Kind = {
  prefix: 'text/dedup',
  discover: ({ golden }) => [...similarityCases(golden), ...bandingCases(golden), ...substringCases(golden)],
}

/** Quotients of small integers, printed so that they read back exactly. */
const exact = 1e-12
/** scipy's quad stops at an estimated error of 1.5e-8; our rule and quad agree far below that. */
const area = 1e-8

const equal = (ours: unknown, theirs: unknown): number => (JSON.stringify(ours) === JSON.stringify(theirs) ? 0 : 1)
const largest = (differences: readonly number[]): number => Math.max(0, ...differences)

interface Similarities {
  readonly documents: readonly string[]
  readonly pairs: readonly (readonly number[])[]
  readonly edit: readonly (readonly [number, number, number])[]
  readonly connected_components: Readonly<Record<string, { readonly root: readonly number[] }>>
}

function similarityCases(golden: string): Case[] {
  const found = read<Similarities>(golden, 'jaccard')
  if (!found) return []
  const { documents, pairs, edit, connected_components: components } = found
  const path = 'text/dedup/jaccard'
  const similarity = (n: number, column: number): Case => ({
    path,
    name: `jaccard ${n}`,
    run: () => ({
      difference: largest(
        pairs.map((row) =>
          Math.abs(
            jaccard(characterGrams(documents[row[0]!]!, n), characterGrams(documents[row[1]!]!, n)) - row[column]!,
          ),
        ),
      ),
      tolerance: exact,
      detail: `${pairs.length} pairs`,
    }),
  })
  return [
    similarity(5, 4),
    similarity(1, 5),
    similarity(3, 6),
    {
      path,
      name: 'edit similarity',
      run: () => ({
        difference: largest(
          edit.map(([i, j, value]) => Math.abs(editSimilarity(documents[i]!, documents[j]!) - value)),
        ),
        tolerance: exact,
      }),
    },
    ...Object.entries(components).map(
      ([threshold, { root }]): Case => ({
        path,
        name: `components ${threshold}`,
        run: () => {
          const { roots, compared } = nearDuplicates(documents, { threshold: Number(threshold), recall: 0.99999 })
          return {
            difference: root.filter((value, index) => roots[index] !== value).length,
            tolerance: 0,
            detail: `${compared} pairs compared of ${documents.length} documents`,
          }
        },
      }),
    ),
  ]
}

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

function bandingCases(golden: string): Case[] {
  const found = read<Banding>(golden, 'banding')
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

interface SubstringLength {
  readonly duplicate_window_starts: number
  readonly ranges_flat: readonly Range[]
  readonly ranges_by_document: readonly (readonly Range[])[] | null
  readonly removed_tokens: number
  readonly kept_lengths: readonly number[]
  readonly kept_checksum: number
  readonly second_pass_removed: number
  readonly text_dedup: Readonly<
    Record<
      'longest' | 'overlapping',
      { readonly duplicate_size: number; readonly ranges: readonly (readonly Range[])[] | null }
    >
  >
}

interface Substrings {
  readonly cases: readonly {
    readonly documents: readonly (readonly number[])[]
    readonly borders: readonly Range[]
    readonly lengths: Readonly<Record<string, SubstringLength>>
  }[]
  readonly letters: readonly { readonly text: string; readonly length: number; readonly ranges: readonly Range[] }[]
}

function substringCases(golden: string): Case[] {
  const found = read<Substrings>(golden, 'exact_substring')
  if (!found) return []
  const path = 'text/dedup/exact_substring'
  const ofTokens = found.cases.flatMap(({ documents, borders, lengths }, index) =>
    Object.entries(lengths).map(
      ([length, expected]): Case => ({
        path,
        name: `case ${index + 1}, ${length} tokens`,
        run: () => substringOutcome(documents, borders, Number(length), expected),
      }),
    ),
  )
  const ofLetters = found.letters.map(
    ({ text, length, ranges }, index): Case => ({
      path,
      name: `letters ${index + 1}`,
      run: () => ({ difference: equal(duplicatedRanges(Buffer.from(text), { length }), ranges), tolerance: 0 }),
    }),
  )
  return [...ofTokens, ...ofLetters]
}

function substringOutcome(
  documents: readonly (readonly number[])[],
  borders: readonly Range[],
  length: number,
  expected: SubstringLength,
): Outcome {
  const { byDocument, windows } = duplicatedTokens(documents, { length })
  const flat = byDocument.flatMap((ranges, index) =>
    ranges.map(([from, to]) => [from + borders[index]![0], to + borders[index]![0]]),
  )
  const once = removeDuplicatedTokens(documents, { length, passes: 1 })
  const twice = removeDuplicatedTokens(documents, { length, passes: 2 })
  const checks: Record<string, number> = {
    windows: equal(windows, expected.duplicate_window_starts),
    flat: equal(flat, expected.ranges_flat),
    byDocument: expected.ranges_by_document ? equal(byDocument, expected.ranges_by_document) : 0,
    removed: equal(once.removed[0], expected.removed_tokens),
    kept: equal(
      once.documents.map((document) => document.length),
      expected.kept_lengths,
    ),
    checksum: equal(checksum(once.documents), expected.kept_checksum),
    second: equal(twice.removed[1] ?? 0, expected.second_pass_removed),
    ...textDedupChecks(documents, length, expected.text_dedup),
  }
  const wrong = Object.keys(checks).filter((name) => checks[name] !== 0)
  return {
    difference: wrong.length,
    tolerance: 0,
    detail: wrong.length > 0 ? `wrong: ${wrong.join(', ')}` : `${expected.removed_tokens} tokens`,
  }
}

const checksum = (documents: readonly (readonly number[])[]): number =>
  documents.reduce((sum, document) => sum + document.reduce((own, token, index) => own + (index + 1) * token, 0), 0)

/** text-dedup unites windows document by document. */
function textDedupChecks(
  documents: readonly (readonly number[])[],
  length: number,
  expected: SubstringLength['text_dedup'],
): Record<string, number> {
  const windows = windowsByDocument(documents, length)
  const checks: Record<string, number> = {}
  for (const strategy of ['longest', 'overlapping'] as const) {
    const ranges = windows.map((list) => mergeRanges(list, strategy))
    const size = ranges.flat().reduce((sum, [from, to]) => sum + to - from, 0)
    checks[`text-dedup ${strategy}`] = Math.max(
      equal(size, expected[strategy].duplicate_size),
      expected[strategy].ranges ? equal(ranges, expected[strategy].ranges) : 0,
    )
  }
  return checks
}

function windowsByDocument(documents: readonly (readonly number[])[], length: number): Range[][] {
  const { all } = duplicatedWindows(
    documents.map((document) => Uint32Array.from(document)),
    { length },
  )
  let start = 0
  return documents.map((document) => {
    const from = start
    start += document.length
    const windows = document.map((_, window): Range => [window, window + length])
    return windows.filter(([window]) => (all[(from + window) >> 5]! >>> ((from + window) & 31)) & 1)
  })
}

function read<T>(golden: string, name: string): T | undefined {
  const file = join(golden, 'text/dedup', `${name}.json`)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined
}
