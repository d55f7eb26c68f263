import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Case, Outcome } from '../../kind'

/** A golden file below `text/`, or undefined when it is not there. */
export function readGolden<T>(golden: string, path: string): T | undefined {
  const file = join(golden, `${path}.json`)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined
}

/** Parts of a case that must be equal; the difference counts those that are not. */
export function equalities(parts: Readonly<Record<string, readonly [ours: unknown, theirs: unknown]>>): Outcome {
  const wrong = Object.keys(parts).filter((name) => !same(...parts[name]!))
  return {
    difference: wrong.length,
    tolerance: 0,
    detail: wrong.length > 0 ? `wrong: ${wrong.slice(0, 4).join(', ')}` : '',
  }
}

/** A case whose parts must be equal. */
export const equalityCase = (
  path: string,
  name: string,
  parts: () => Parameters<typeof equalities>[0] | Promise<Parameters<typeof equalities>[0]>,
): Case => ({
  path,
  name,
  run: async () => equalities(await parts()),
})

/** Equality of JSON values; typed arrays count as lists, the order of keys and undefined members do not count. */
export const same = (a: unknown, b: unknown): boolean => JSON.stringify(plain(a)) === JSON.stringify(plain(b))

function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  return Object.fromEntries(entries.sort(([x], [y]) => (x < y ? -1 : 1)).map(([key, item]) => [key, plain(item)]))
}
