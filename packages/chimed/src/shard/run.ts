import type { BuildOptions } from '../build'
import { ChimedError } from '../errors'
import { requireTokenizer } from '../tokens/write'
import type { Progress } from '../types'
import { pipeline } from './pipeline'
import { type CutOptions, planBuild } from './plan'
import { type Shard, stageRunner } from './stage'

/** Options of a sharded run. */
export interface ShardOptions extends CutOptions {
  /** Folder for what passes between the stages, on a disk that all machines see. */
  readonly work: string
  /** Which part of the work is done here; all of it by default. */
  readonly shard?: Shard | undefined
  /** Seconds without any news after which this shard does what others have left undone (default 30). */
  readonly patience?: number | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Does one shard's work of a build: all stages, those of other shards waited for. Any number of machines run it with the same options and
 * their own `shard`; `mergeShards` then writes what `build` writes, byte for byte. What is done already is skipped, so a run that was
 * killed is started again, and a run whose options changed does again what depends on them.
 *
 * @throws ChimedError `option` without sources, for a step that only works on all records at once, or a shard out of range
 */
export async function runShard(
  options: BuildOptions,
  { work, shard = { index: 0, count: 1 }, patience, partBytes, buckets, onProgress, signal }: ShardOptions,
): Promise<void> {
  requireTokenizer('runShard', options)
  const { index, count } = shard
  if (!(Number.isInteger(count) && count >= 1 && Number.isInteger(index) && index >= 0 && index < count))
    throw new ChimedError(
      'option',
      `runShard: expected a shard from 0/${count} to ${count - 1}/${count}, got ${index}/${count}. Shards count from 0.`,
    )
  const plan = await planBuild(options, { partBytes, buckets })
  await pipeline(plan, stageRunner({ work, shard, patience, onProgress, signal }), { withReports: false })
}
