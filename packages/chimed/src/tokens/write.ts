import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { TokenReport } from '../build-report'
import { ChimedError } from '../errors'
import { faultLog, stepReport } from '../faults'
import { pack } from '../pack/pack'
import type { Corpus } from '../record'
import { tokenizerFingerprint } from '../tokenizer-fingerprint'
import type { ChimedRecord, StepReport, Tokenizer, TokenRow } from '../types'
import { fileWriter, writeFileWhole } from '../write/file'
import { type ShardRow, tokenShardWriter } from '../write/token-shard'
import type { TokenOptions } from './options'
import { corpusRows, packingOf } from './rows'

/** What `tokens/index.json` says: the shards of every split and corpus, and what they were made with. */
export interface TokenIndex {
  readonly version: 1
  readonly tokenizer: { readonly fingerprint: string; readonly vocabularySize: number | undefined }
  /** The split manifest that the data was built with, and its SHA-256. */
  readonly splits: { readonly file: string; readonly sha256: string }
  readonly shards: readonly TokenShardEntry[]
}

/** One shard of an index. */
export interface TokenShardEntry {
  /** Relative to the index. */
  readonly file: string
  readonly corpus: Corpus
  readonly split: 'train' | 'validation'
  readonly rows: number
  readonly tokens: number
  readonly sha256: string
}

/** A stream of rows that becomes shards. */
export interface TokenStream {
  readonly corpus: Corpus
  readonly split: 'train' | 'validation'
  readonly rows: AsyncIterable<ShardRow> | Iterable<ShardRow>
  /** Records that gave the rows, and why some gave none; asked for when the rows are read. */
  readonly records: () => StepReport
}

/** @throws ChimedError `option` when token shards are asked for without a tokenizer */
export function requireTokenizer(
  caller: string,
  { tokens, tokenizer }: { readonly tokens?: TokenOptions | undefined; readonly tokenizer?: Tokenizer | undefined },
): void {
  if (tokens && !tokenizer)
    throw new ChimedError('option', `${caller}: expected a tokenizer with tokens, got none. Pass tokenizer.`)
}

/** Streams of the records of a build, tokenised and packed. */
export function tokenStreams(
  built: Readonly<Record<'train' | 'validation', Readonly<Record<Corpus, readonly ChimedRecord[]>>>>,
  { tokens, tokenizer }: { readonly tokens: TokenOptions; readonly tokenizer: Tokenizer },
): TokenStream[] {
  const corpora = (['cpt', 'sft', 'dpo'] as const).filter((corpus) => tokens[corpus] !== undefined)
  return corpora.flatMap((corpus) =>
    (['train', 'validation'] as const).map((split) => {
      const log = faultLog()
      const records = built[split][corpus]
      const rows = corpusRows(corpus, records, { tokens, tokenizer, onFault: log.add })
      const packing = packingOf(corpus, tokens)
      return {
        corpus,
        split,
        rows: packing ? pack(rows as AsyncIterable<TokenRow>, packing) : rows,
        records: () => stepReport('tokens', records.length, records.length - log.total(), log),
      }
    }),
  )
}

/**
 * Writes streams of rows as `tokens/<split>-<corpus>-NNNNN.tokens` and `tokens/index.json`; returns the names below `out`. A shard is
 * closed with the row that fills it.
 */
export async function writeTokenShards(
  out: string,
  streams: Iterable<TokenStream>,
  {
    tokens: { shardTokens = 1 << 25 },
    tokenizer,
    manifest,
  }: { readonly tokens: TokenOptions; readonly tokenizer: Tokenizer; readonly manifest: string },
): Promise<{ readonly files: string[]; readonly reports: TokenReport[] }> {
  const shards: TokenShardEntry[] = []
  const reports: TokenReport[] = []
  for (const { corpus, split, rows, records } of streams) {
    let number = 0
    const open = () =>
      tokenShardWriter({ kind: corpus === 'dpo' ? 'preference' : 'token', vocabularySize: tokenizer.vocabularySize })
    let shard = open()
    const close = async (): Promise<void> => {
      const file = `${split}-${corpus}-${String(number++).padStart(5, '0')}.tokens`
      const sha256 = await writeBytes(join(out, 'tokens', file), shard.bytes())
      shards.push({ file, corpus, split, rows: shard.rows, tokens: shard.tokens, sha256 })
      shard = open()
    }
    for await (const row of rows) {
      shard.add(row)
      if (shard.tokens >= shardTokens) await close()
    }
    if (shard.rows > 0) await close()
    const own = shards.filter((one) => one.corpus === corpus && one.split === split)
    const sum = (of: (shard: TokenShardEntry) => number): number => own.reduce((total, one) => total + of(one), 0)
    reports.push({ corpus, split, rows: sum((one) => one.rows), tokens: sum((one) => one.tokens), records: records() })
  }
  const index: TokenIndex = {
    version: 1,
    tokenizer: { fingerprint: tokenizerFingerprint(tokenizer), vocabularySize: tokenizer.vocabularySize },
    splits: { file: '../splits.json', sha256: createHash('sha256').update(manifest).digest('hex') },
    shards,
  }
  await writeFileWhole(join(out, 'tokens', 'index.json'), `${JSON.stringify(index, undefined, 2)}\n`)
  return { files: [...shards.map(({ file }) => `tokens/${file}`), 'tokens/index.json'], reports }
}

async function writeBytes(path: string, chunks: readonly Uint8Array[]): Promise<string> {
  const hash = createHash('sha256')
  const file = fileWriter(path)
  try {
    for (const chunk of chunks) {
      hash.update(chunk)
      await file.write(chunk)
    }
  } catch (error) {
    await file.abort()
    throw error
  }
  await file.close()
  return hash.digest('hex')
}
