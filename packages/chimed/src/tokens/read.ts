import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { ChimedError } from '../errors'
import { openTokenShard, type TokenShard } from '../read/token-shard'
import type { Corpus } from '../record'
import type { PreferenceRow, TokenRow } from '../types'
import type { TokenIndex, TokenShardEntry } from './write'

/** Rows of token shards in any order, none of them loaded before it is asked for: what `train` takes as `data`. */
export interface TokenRows<Row extends TokenRow | PreferenceRow = TokenRow> {
  readonly length: number
  at(index: number): Row | undefined
  /** Differs whenever a shard differs. */
  readonly fingerprint: string
  /** The split that the rows belong to; `train` refuses others than its own. */
  readonly split: 'train' | 'validation'
  readonly tokens: number
  /** Closes the files. */
  close(): void
}

/** Options of `tokenRows`. */
export interface TokenRowOptions {
  readonly corpus: Corpus
  /** Default `train`. */
  readonly split?: 'train' | 'validation' | undefined
}

/**
 * Rows of one corpus and split of a folder with token shards, as `build` and `mergeShards` write it (`<out>/tokens`). Memory is eight bytes
 * a row; ids are read from their place in the file, where the system keeps what is used often.
 *
 * @throws ChimedError `file-missing`, `file-format`; `split` when the split manifest that the shards were packed with is not there, or is
 * another one
 */
export function tokenRows(
  folder: string,
  options: TokenRowOptions & { readonly corpus: 'dpo' },
): TokenRows<PreferenceRow>
/** The same for rows of one text. */
export function tokenRows(folder: string, options: TokenRowOptions & { readonly corpus: 'cpt' | 'sft' }): TokenRows
/** The same where the corpus is known at run time only. */
export function tokenRows(folder: string, options: TokenRowOptions): TokenRows<TokenRow | PreferenceRow>
export function tokenRows(
  folder: string,
  { corpus, split = 'train' }: TokenRowOptions,
): TokenRows<TokenRow | PreferenceRow> {
  const index = readIndex(folder)
  requireManifest(folder, index)
  const entries = index.shards.filter((shard) => shard.corpus === corpus && shard.split === split)
  const shards = openAll(folder, entries)
  const starts = [0]
  for (const shard of shards) starts.push(starts.at(-1)! + shard.length)
  const length = starts.at(-1)!
  return {
    length,
    split,
    tokens: entries.reduce((sum, { tokens }) => sum + tokens, 0),
    fingerprint: createHash('sha256')
      .update(entries.map(({ sha256 }) => sha256).join('\n'))
      .digest('hex'),
    at: (row) => {
      if (!(row >= 0 && row < length)) return undefined
      const shard = lastAtOrBelow(starts, row)
      return shards[shard]!.at(row - starts[shard]!)
    },
    close: () => {
      for (const shard of shards) shard.close()
    },
  }
}

function readIndex(folder: string): TokenIndex {
  const path = join(folder, 'index.json')
  if (!existsSync(path))
    throw new ChimedError(
      'file-missing',
      `tokenRows: expected token shards with an index.json, got none in ${folder}. Build with tokens first.`,
      { path },
    )
  let index: TokenIndex
  try {
    index = JSON.parse(readFileSync(path, 'utf8')) as TokenIndex
  } catch (cause) {
    throw new ChimedError('file-format', `tokenRows: expected JSON, got something else at ${path}. Build again.`, {
      path,
      cause,
    })
  }
  if (index.version !== 1 || !Array.isArray(index.shards))
    throw new ChimedError(
      'file-format',
      `tokenRows: expected an index of version 1 with shards, got version ${index.version} at ${path}. Build again.`,
      { path },
    )
  return index
}

/** Token ids cannot be compared with test questions any more; so the manifest they were checked by has to be there. */
function requireManifest(folder: string, { splits }: TokenIndex): void {
  const path = resolve(folder, splits.file)
  const found = existsSync(path) ? createHash('sha256').update(readFileSync(path)).digest('hex') : undefined
  if (found === splits.sha256) return
  throw new ChimedError(
    'split',
    `tokenRows: expected the split manifest that the shards were packed with, got ${found ? 'another one' : 'nothing'} at ${path}. Keep splits.json with the data, or build again.`,
    { path },
  )
}

function openAll(folder: string, entries: readonly TokenShardEntry[]): TokenShard[] {
  const shards: TokenShard[] = []
  try {
    for (const { file, rows } of entries) {
      const path = resolve(folder, file)
      if (dirname(path) !== resolve(folder) || file.includes(sep))
        throw new ChimedError(
          'path-escape',
          `tokenRows: expected names of files in ${folder}, got ${file}. Build again.`,
          {
            path: join(folder, 'index.json'),
          },
        )
      const shard = openTokenShard(path)
      shards.push(shard)
      if (shard.length !== rows)
        throw new ChimedError(
          'file-format',
          `tokenRows: expected ${rows} rows in ${path}, got ${shard.length}. Build again.`,
          { path },
        )
    }
  } catch (error) {
    for (const shard of shards) shard.close()
    throw error
  }
  return shards
}

function lastAtOrBelow(starts: readonly number[], value: number): number {
  let [low, high] = [0, starts.length - 1]
  while (low + 1 < high) {
    const middle = (low + high) >> 1
    if (starts[middle]! <= value) low = middle
    else high = middle
  }
  return low
}
