import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Case, Outcome } from '../../kind'

/** Same formulas in float64: only the last digits of sums and logarithms may differ. */
export const tolerance = 1e-9

/** A number of a golden file; those that JSON cannot write are strings. */
export type Golden = number | 'NaN' | 'Infinity' | '-Infinity'

/** A prediction with its two references. */
export interface Pair {
  readonly pred: string
  readonly ref: string
  readonly ref2: string
}

/** A file of `text/metrics`, or undefined when it is not there. */
export function readMetrics<T>(golden: string, name: string): T | undefined {
  const path = join(golden, 'text/metrics', `${name}.json`)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : undefined
}

/** The pairs that several files refer to. */
export function readPairs(golden: string): readonly Pair[] {
  const file = readMetrics<{ pairs: Pair[] }>(golden, 'pairs')
  if (file === undefined) throw new Error('text/metrics/pairs.json is missing beside the files that refer to it')
  return file.pairs
}

/** Difference of two numbers, relative to the expected one where it is above 1; equal infinities and NaNs differ by 0. */
export function difference(ours: number, expected: Golden): number {
  const wanted = Number(expected)
  if (Object.is(ours, wanted) || ours === wanted) return 0
  const gap = Math.abs(ours - wanted) / Math.max(1, Math.abs(wanted))
  return Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap
}

/** Largest difference of two lists; infinite when their lengths differ. */
export const differences = (ours: ArrayLike<number>, expected: readonly Golden[]): number =>
  ours.length === expected.length
    ? largest(expected.map((value, i) => difference(ours[i]!, value)))
    : Number.POSITIVE_INFINITY

/** 0 for equal values (compared as JSON), infinity otherwise. */
export const same = (ours: unknown, expected: unknown): number =>
  JSON.stringify(ours) === JSON.stringify(expected) ? 0 : Number.POSITIVE_INFINITY

/** Largest of many differences; 0 for none. */
export const largest = (values: readonly number[]): number => values.reduce((a, b) => (a >= b ? a : b), 0)

/** A case that compares within `tolerance`. */
export const numeric = (path: string, name: string, compare: () => number | Promise<number>): Case => ({
  path: `text/metrics/${path}`,
  name,
  run: async (): Promise<Outcome> => ({ difference: await compare(), tolerance }),
})

/** A case whose result must be equal. */
export const exact = (path: string, name: string, compare: () => number | Promise<number>): Case => ({
  path: `text/metrics/${path}`,
  name,
  run: async (): Promise<Outcome> => ({ difference: await compare(), tolerance: 0 }),
})
