import { lstatSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import { isArchive } from '../archive/unpack'
import { ChimedError } from '../errors'
import { excerpt, throwFault } from '../faults'
import type { ChimedRecord, OnFault, Origin, Row, Split } from '../types'

/** Options when a source is read. */
export interface SourceReadOptions {
  /** Receives every row left out; without it the first one is an error. */
  readonly onFault?: OnFault | undefined
  readonly signal?: AbortSignal | undefined
  /** Reads this file alone; one of `files()`. */
  readonly file?: string | undefined
}

/** A sub-dataset: where its files are and how its rows become records. Reading it again starts over. */
export interface Source<T extends ChimedRecord = ChimedRecord> {
  /** Name as in the tables of the paper. */
  readonly name: string
  /** The files, sorted by name; found when asked for. */
  files(): readonly string[]
  /** What its records depend on beside the files, as plain data; a sharded run starts over when it changes. */
  readonly options?: unknown
  /** False when its files cannot be read on their own, because a limit counts over all of them. */
  readonly byFile?: boolean | undefined
  read(options?: SourceReadOptions): AsyncGenerator<T>
}

/** Options that every source takes. */
export interface SourceOptions {
  /** Name in reports instead of the one in the tables. */
  readonly name?: string | undefined
  /**
   * Part of the data set all rows belong to. Without it, files of a folder say so by their names (`train.csv`, `validation_datasets.jsonl`,
   * `test-00000-of-00001.parquet`): rows of a test file are left out and counted as `test-split`, those of a validation file stay validation.
   * A file that is named itself is taken for training whatever its name.
   */
  readonly split?: Split | undefined
  /** Takes only the rows for which this is true; the others are counted as `not-selected`. */
  readonly where?: ((row: Readonly<Record<string, unknown>>) => boolean) | undefined
  /** Reads at most this many records. */
  readonly limit?: number | undefined
}

/** A record without its origin and what belongs to it. */
export interface Kept<T> {
  readonly record: Omit<T, 'origin'>
  readonly meta?: Readonly<Record<string, string>> | undefined
  readonly split?: Split | undefined
  readonly changes?: readonly Change[] | undefined
}

/** A record, or why a row gives none. */
export type Converted<T> = Kept<T> | Drop

/** Why a row gives no record. */
export interface Drop {
  readonly drop: string
  readonly reason: string
}

/** What a converter changed in a row that it kept. */
export interface Change {
  readonly code: string
  readonly reason: string
}

/** The outcome of a row that gives no record. `code` is stable, `reason` a phrase. */
export const drop = (code: string, reason: string): Drop => ({ drop: code, reason })

/** How a sub-dataset is read and converted. */
export interface SourceDefinition<R, T extends ChimedRecord> {
  readonly name: string
  readonly path: string
  /** Names of files that belong to it when `path` is a folder; packed files match without `.gz` and `.zst`. */
  readonly pattern: RegExp
  /** Options of its own that its records depend on. */
  readonly options?: Readonly<Record<string, unknown>> | undefined
  readonly rows: (
    path: string,
    options: { onFault: OnFault; label: string; signal?: AbortSignal | undefined },
  ) => AsyncIterable<Row<R>>
  readonly convert: (row: Row<R>) => Converted<T> | readonly Converted<T>[]
  /** Set where rows are texts; without it a row that is no object is left out as `row-shape` and never reaches `convert`. */
  readonly texts?: true | undefined
}

/** A source from its definition: reads file after file, converts row by row, reports what gives no record. */
export function defineSource<R, T extends ChimedRecord>(
  definition: SourceDefinition<R, T>,
  { name = definition.name, split, where, limit = Number.POSITIVE_INFINITY }: SourceOptions = {},
): Source<T> {
  const { path, pattern, rows, convert, texts = false } = definition
  const files = (): string[] => filesBelow(path, pattern)
  async function* read({ onFault = throwFault, signal, file: only }: SourceReadOptions = {}): AsyncGenerator<T> {
    let given = 0
    const inFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
    for (const file of only === undefined ? files() : [only]) {
      const label = inFolder ? `${basename(path)}/${relative(path, file).split(sep).join('/')}` : basename(file)
      const fileSplit = split ?? (inFolder ? splitOfName(basename(file)) : undefined)
      const isTest = fileSplit === 'test' && split === undefined
      for await (const row of rows(file, { onFault, label, signal })) {
        const chosen = !where || typeof row.value !== 'object' || row.value === null || where(row.value as never)
        for (const converted of isTest ? testRow : chosen ? outcomes(convert, row, texts) : unselected) {
          if ('drop' in converted) {
            onFault({
              code: converted.drop,
              reason: converted.reason,
              file: row.file,
              line: row.line,
              excerpt: excerpt(JSON.stringify(row.value) ?? ''),
            })
            continue
          }
          if (given++ >= limit) return
          for (const change of converted.changes ?? [])
            onFault({ ...change, file: row.file, line: row.line, kept: true })
          yield { ...converted.record, origin: originOf(name, row, converted.split ?? fileSplit, converted.meta) } as T
        }
      }
    }
  }
  return {
    name,
    files,
    read,
    byFile: limit === Number.POSITIVE_INFINITY,
    options: { ...definition.options, split, where: where?.toString(), limit },
  }
}

const testRow = [drop('test-split', 'a row of a test file')]

/** The split that the name of a file speaks for, or undefined. */
export function splitOfName(name: string): Split | undefined {
  const word = /(?:^|[-_.])(train|training|validation|valid|val|dev|test)(?:[-_.]|$)/i.exec(name)?.[1]?.toLowerCase()
  if (word === undefined || word.startsWith('train')) return undefined
  return word === 'test' ? 'test' : 'validation'
}

const unselected = [drop('not-selected', 'not selected by where')]

/** A row of an unexpected shape is a fault of the row, not of the program. */
function outcomes<R, T>(
  convert: (row: Row<R>) => Converted<T> | readonly Converted<T>[],
  row: Row<R>,
  texts: boolean,
): readonly Converted<T>[] {
  const { value } = row
  if (value === null || typeof value !== (texts ? 'string' : 'object'))
    return [drop('row-shape', value === null ? 'null' : `not ${texts ? 'a text' : 'an object'}`)]
  const converted = convert(row)
  return Array.isArray(converted) ? (converted as readonly Converted<T>[]) : [converted as Converted<T>]
}

function originOf(source: string, { file, line }: Row, split: Split | undefined, meta: Origin['meta']): Origin {
  return { source, file, line, ...(split && { split }), ...(meta && { meta }) }
}

/**
 * `path` itself, or the files below it that match `pattern`, sorted by name. Links that lead out of the folder are refused.
 *
 * @throws ChimedError `file-missing` when nothing is there, `path-escape` for a link out of the folder
 */
export function filesBelow(path: string, pattern: RegExp): string[] {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found)
    throw new ChimedError(
      'file-missing',
      `filesBelow: expected a file or folder, got nothing at ${path}. Check the path.`,
      { path },
    )
  if (isArchive(path))
    throw new ChimedError(
      'file-format',
      `filesBelow: expected a file or folder, got the archive ${path}. Unpack it first, with unpack or by hand.`,
      { path },
    )
  if (!found.isDirectory()) return [path]
  const files = walk(path, rootsOf(realpathSync(path))).filter((file) =>
    pattern.test(basename(file).replace(/\.(gz|zst)$/, '')),
  )
  if (files.length === 0)
    throw new ChimedError(
      'file-missing',
      `filesBelow: expected files like ${pattern.source}, got none below ${path}. Check the folder.`,
      { path },
    )
  return files.sort()
}

/** Where links may lead: into the folder, and from a snapshot of a Hugging Face cache to the blobs beside it. */
function rootsOf(folder: string): readonly string[] {
  const snapshots = dirname(folder)
  return basename(snapshots) === 'snapshots' ? [folder, join(dirname(snapshots), 'blobs')] : [folder]
}

function walk(folder: string, roots: readonly string[]): string[] {
  return readdirSync(folder).flatMap((entry) => {
    const path = join(folder, entry)
    if (lstatSync(path).isSymbolicLink()) {
      const target = realpathSync(path)
      if (!roots.some((root) => target === root || target.startsWith(root + sep)))
        throw new ChimedError(
          'path-escape',
          `filesBelow: expected links inside ${roots[0]}, got ${path} leading to ${target}. Copy the file into the folder.`,
          { path },
        )
      if (statSync(path).isDirectory()) return [] // a link to a folder inside: its files are found at their own place, and cycles end here
    }
    return statSync(path).isDirectory() ? walk(path, roots) : [path]
  })
}
