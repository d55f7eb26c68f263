import type { CptRowOptions, DpoRowOptions, SftRowOptions } from '../format/rows'

/** How records become token shards; corpora that are not named get none. */
export interface TokenOptions {
  readonly cpt?: Pick<CptRowOptions, 'blockSize' | 'separator' | 'packing'> | undefined
  readonly sft?: Pick<SftRowOptions, 'maxLength' | 'format' | 'packing'> | undefined
  readonly dpo?: Pick<DpoRowOptions, 'maxLength' | 'prompt'> | undefined
  /** A shard is closed when it has this many tokens (default 2^25). */
  readonly shardTokens?: number | undefined
}
