import { rmSync } from 'node:fs'
import type { BuildReport } from '../build-report'
import { ChimedError } from '../errors'
import { mergeShards } from '../shard/merge'
import { runShard } from '../shard/run'
import type { Shard } from '../shard/stage'
import type { CommandSurroundings } from './command'
import { type ReadConfig, readConfig } from './config'
import { estimate, estimateTable } from './estimate'
import { progressLine } from './progress'
import { buildTables } from './tables'

/** Options that `build`, `run` and `merge` share. */
interface ShardedOptions {
  readonly work?: string | undefined
  readonly patience?: number | undefined
  readonly partBytes?: number | undefined
  readonly buckets?: number | undefined
}

interface BuildCommandOptions extends ShardedOptions {
  readonly shard?: Shard | undefined
  readonly workers: number
  readonly dryRun?: boolean | undefined
}

const workOf = ({ options }: ReadConfig, { work }: ShardedOptions): string =>
  work ?? `${options.out.replace(/[/\\]+$/, '')}.work`

/** `chimed build`: everything, one shard, or an estimate. */
export async function buildCommand(
  path: string,
  options: BuildCommandOptions,
  surroundings: CommandSurroundings,
): Promise<void> {
  const config = await readConfig(path)
  if (options.dryRun) {
    surroundings.print(estimateTable(await estimate(config.options, surroundings)))
    return
  }
  if (options.shard) return runOne(config, options, options.shard, surroundings)
  await runWorkers(path, config, options, surroundings)
  surroundings.print(buildTables(await merge(config, options, surroundings)))
}

/** `chimed run`: one shard. */
export async function runCommand(
  path: string,
  options: ShardedOptions & { readonly shard: Shard },
  surroundings: CommandSurroundings,
): Promise<void> {
  return runOne(await readConfig(path), options, options.shard, surroundings)
}

/** `chimed merge`: the results of all shards. */
export async function mergeCommand(
  path: string,
  options: ShardedOptions & { readonly clean?: boolean | undefined },
  surroundings: CommandSurroundings,
): Promise<void> {
  const config = await readConfig(path)
  surroundings.print(buildTables(await merge(config, options, surroundings)))
  if (options.clean) rmSync(workOf(config, options), { recursive: true, force: true })
}

async function runOne(
  config: ReadConfig,
  { patience, partBytes, buckets, ...options }: ShardedOptions,
  shard: Shard,
  surroundings: CommandSurroundings,
): Promise<void> {
  const progress = progressLine(surroundings)
  try {
    await runShard(config.options, {
      work: workOf(config, options),
      shard,
      patience,
      partBytes,
      buckets,
      onProgress: progress.show,
      signal: surroundings.signal,
    })
  } finally {
    progress.end()
  }
}

/** Shard 0 here, the others in processes of their own. */
async function runWorkers(
  path: string,
  config: ReadConfig,
  { workers, ...options }: BuildCommandOptions,
  surroundings: CommandSurroundings,
): Promise<void> {
  const { again } = surroundings
  if (!Number.isInteger(workers) || workers < 1)
    throw new ChimedError(
      'option',
      `chimed: expected --workers of 1 or more, got ${workers}. Give the number of cores to use.`,
    )
  if (workers > 1 && !again)
    throw new ChimedError(
      'option',
      'chimed: expected a program that can start others for --workers, got none. Use --workers 1.',
    )
  const shared = [
    ['--work', workOf(config, options)],
    ['--patience', options.patience],
    ['--part-bytes', options.partBytes],
    ['--buckets', options.buckets],
  ].flatMap(([name, value]) => (value === undefined ? [] : [String(name), String(value)]))
  const others = Array.from({ length: workers - 1 }, (_, index) =>
    again!(['run', path, '--shard', `${index + 1}/${workers}`, ...shared]),
  )
  await runOne(config, options, { index: 0, count: workers }, surroundings)
  const codes = await Promise.all(others)
  if (codes.some((code) => code !== 0))
    surroundings.tell(
      `${codes.filter((code) => code !== 0).length} of the other processes stopped early; their work was done here.\n`,
    )
}

async function merge(
  config: ReadConfig,
  { partBytes, buckets, ...options }: ShardedOptions,
  surroundings: CommandSurroundings,
): Promise<BuildReport> {
  return mergeShards(config.options, {
    work: workOf(config, options),
    partBytes,
    buckets,
    signal: surroundings.signal,
  })
}
