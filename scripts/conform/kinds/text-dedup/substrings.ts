import {
  duplicatedRanges,
  duplicatedTokens,
  duplicatedWindows,
  mergeRanges,
  type Range,
  removeDuplicatedTokens,
} from '@qilin-med/chimed'
import type { Case, Outcome } from '../../kind'
import { readGolden } from '../chimed/golden'
import { equal } from './compare'

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

/** Duplicated ranges of tokens and letters. */
export function substringCases(golden: string): Case[] {
  const found = readGolden<Substrings>(golden, 'text/dedup/exact_substring')
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
