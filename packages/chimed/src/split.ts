import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { skeleton } from './clean/normalise'
import { mix32 } from './dedup/minhash-js'
import { ChimedError } from './errors'
import { partsOf, textOf } from './record'
import type { TestSet } from './tests'
import type { ChimedRecord } from './types'

/** Fingerprints of texts that no training data and no index may hold; it travels with the data as `splits.json`. */
export interface SplitManifest {
  readonly version: 1
  /** Fingerprints by split: `test` items (question and context) and `validation` rows. */
  readonly fingerprints: { readonly test: readonly string[]; readonly validation: readonly string[] }
  /** Names of the test sets. */
  readonly tests: readonly string[]
}

/** A short name of a text that ignores punctuation, blanks, case and layout. */
export const fingerprint = (text: string): string =>
  createHash('sha256').update(skeleton(text)).digest('base64url').slice(0, 16)

/** Training and validation records. */
export interface SplitRecords<T> {
  readonly train: T[]
  readonly validation: T[]
}

/** Options of `splitRecords`. */
export interface SplitOptions {
  /** Share of the records that goes to validation (default 0.01). */
  readonly validation?: number | undefined
  /** Chooses which (default 1). */
  readonly seed?: number | undefined
}

/**
 * Splits by a hash of each record's text, so that the order, other records and the number of machines make no difference, and equal
 * texts stay together. Records whose origin names a split keep it.
 *
 * @throws ChimedError `split` for a record whose origin says `test`
 */
export function splitRecords<T extends ChimedRecord>(
  records: readonly T[],
  { validation = 0.01, seed = 1 }: SplitOptions = {},
): SplitRecords<T> {
  const split: SplitRecords<T> = { train: [], validation: [] }
  for (const record of records) split[splitFor(record, { validation, seed })].push(record)
  return split
}

/** The split of one record, as `splitRecords` sees it. */
export function splitFor(
  record: ChimedRecord,
  { validation = 0.01, seed = 1 }: SplitOptions = {},
): 'train' | 'validation' {
  const named = record.origin?.split
  if (named === 'test') throw testRecord(record)
  if (named) return named
  return validation > 0 && uniform(textOf(record), seed) < validation ? 'validation' : 'train'
}

/** A number in [0, 1) that depends on the letters of the text and the seed alone. */
export function uniform(text: string, seed: number): number {
  const hash = createHash('sha256').update(skeleton(text)).digest()
  return mix32(hash.readUInt32LE(0) ^ Math.imul(seed, 0x9e3779b9)) / 2 ** 32
}

const testRecord = ({ origin }: ChimedRecord): ChimedError =>
  new ChimedError(
    'split',
    `splitRecords: expected training records, got one of a test split (${origin?.file ?? origin?.source}:${origin?.line ?? 0}). Leave the test file out of the sources.`,
    { path: origin?.file, line: origin?.line },
  )

/** The manifest of test sets and validation records. */
export async function splitManifest({
  tests = [],
  validation = [],
}: {
  readonly tests?: readonly TestSet[]
  readonly validation?: readonly ChimedRecord[]
}): Promise<SplitManifest> {
  const test = new Set<string>()
  for (const { items } of tests) {
    for await (const { question, context } of items({ onFault: () => {} }))
      test.add(fingerprint(`${question}${context}`))
  }
  return {
    version: 1,
    tests: tests.map(({ name }) => name),
    fingerprints: {
      test: [...test].sort(),
      validation: [...new Set(validation.map((record) => fingerprint(textOf(record))))].sort(),
    },
  }
}

/** A function that says which split a text belongs to by a manifest: `test`, `validation`, or undefined. */
export function splitOf({ fingerprints }: SplitManifest): (text: string) => 'test' | 'validation' | undefined {
  const test = new Set(fingerprints.test)
  const validation = new Set(fingerprints.validation)
  return (text) => {
    const key = fingerprint(text)
    return test.has(key) ? 'test' : validation.has(key) ? 'validation' : undefined
  }
}

/**
 * Passes texts on and stops at one that belongs to a test split: put it in front of training and of an index.
 *
 * @throws ChimedError `split` that names the position and the beginning of the text
 */
export function* refuseTest<T extends string | ChimedRecord>(
  items: Iterable<T>,
  manifest: SplitManifest,
): Generator<T> {
  const find = splitOf(manifest)
  let line = 0
  for (const item of items) {
    line++
    const text = typeof item === 'string' ? item : textOf(item)
    if (find(text) === 'test')
      throw new ChimedError(
        'split',
        `refuseTest: expected no text of a test split, got one at position ${line}: ${text.slice(0, 40)}. Run decontaminate before.`,
        { line },
      )
    yield item
  }
}

/**
 * A function that refuses a record of a test split: one whose origin says so, or whose whole text, prompt, answer or turn is listed by the
 * manifest.
 */
export function testGuard(caller: string, manifest: SplitManifest): (record: ChimedRecord) => void {
  const find = splitOf(manifest)
  return (record) => {
    const held =
      record.origin?.split === 'test' || [textOf(record), ...partsOf(record)].some((text) => find(text) === 'test')
    if (!held) return
    const { source = '', file = source, line } = record.origin ?? {}
    throw new ChimedError(
      'split',
      `${caller}: expected no record of a test split, got one (${file}:${line ?? 0}): ${textOf(record).slice(0, 40)}. Run decontaminate before.`,
      { path: file, line },
    )
  }
}

/** The manifest in a file written by `build`. */
export function readSplitManifest(path: string): SplitManifest {
  if (!existsSync(path))
    throw new ChimedError(
      'file-missing',
      `readSplitManifest: expected a split manifest, got nothing at ${path}. Build the data first.`,
      { path },
    )
  let manifest: SplitManifest
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8')) as SplitManifest
  } catch (cause) {
    throw new ChimedError(
      'file-format',
      `readSplitManifest: expected JSON, got something else at ${path}. Build the data again.`,
      { path, cause },
    )
  }
  if (manifest?.version !== 1 || !Array.isArray(manifest.fingerprints?.test))
    throw new ChimedError(
      'file-format',
      `readSplitManifest: expected a manifest of version 1 with fingerprints, got something else at ${path}. Build the data again.`,
      { path },
    )
  return manifest
}
