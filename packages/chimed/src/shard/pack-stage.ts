import { join } from 'node:path'
import { mapBatchRows, packBatch } from '../pack/pack'
import { openTokenShard, type TokenShard } from '../read/token-shard'
import { packingOf } from '../tokens/rows'
import type { TokenRow } from '../types'
import { tokenShardWriter } from '../write/token-shard'
import { corpora, type Plan } from './plan'
import type { FinalInfo } from './sinks'
import type { StageRunner, Task } from './stage'

/** Token rows of one stream (a split of a corpus), in the order of the data: files of the work folder. */
export interface PackInfo {
  readonly corpus: number
  readonly split: 'train' | 'validation'
  readonly files: readonly string[]
}

/** Where the parts come from. */
export interface PackInput {
  readonly parts: readonly (FinalInfo & { readonly corpus: number })[]
  readonly digest: string
  readonly stageName: (name: string) => string
}

/** A part's rows in a stream, and how many come before them. */
interface StreamPart {
  readonly file: string
  readonly from: number
  readonly rows: number
}

/**
 * Packs every stream in batches of 1000 rows, as `pack` does. A batch belongs to the part that its first row lies in and reads on into the
 * next ones, so that packed rows do not depend on how the data was cut.
 */
export async function packStages(
  plan: Plan,
  runner: StageRunner,
  { parts, digest, stageName }: PackInput,
): Promise<PackInfo[]> {
  const { tokens, tokenizer } = plan.options
  if (!tokens || !tokenizer) return []
  const packed: PackInfo[] = []
  for (const [corpus, name] of corpora.entries()) {
    if (!tokens[name]) continue
    const packing = packingOf(name, tokens)
    for (const split of ['train', 'validation'] as const) {
      const stream = streamOf(parts.filter((part) => part.corpus === corpus).map((part) => part[split]))
      if (!packing || stream.length === 0) {
        packed.push({ corpus, split, files: stream.map(({ file }) => file) })
        continue
      }
      const done = await runner.run({
        name: stageName(`pack-${name}-${split}`),
        does: plan.finalKey,
        after: [digest],
        tasks: stream.map((_, number) =>
          packTask(stream, number, { packing, work: runner.work, vocabularySize: tokenizer.vocabularySize }),
        ),
      })
      packed.push({ corpus, split, files: done.tasks.map(({ info }) => info.file) })
    }
  }
  return packed
}

function streamOf(halves: readonly FinalInfo['train'][]): StreamPart[] {
  let from = 0
  return halves.flatMap(({ tokens, rows }) => {
    if (!tokens || rows === 0) return []
    const part = { file: tokens, from, rows }
    from += rows
    return [part]
  })
}

const packTask = (
  stream: readonly StreamPart[],
  number: number,
  {
    packing,
    work,
    vocabularySize,
  }: {
    readonly packing: NonNullable<ReturnType<typeof packingOf>>
    readonly work: string
    readonly vocabularySize: number | undefined
  },
): Task<{ readonly file: string }> => ({
  input: number,
  run: async (output) => {
    const { from, rows } = stream[number]!
    const writer = tokenShardWriter({ kind: 'token', vocabularySize })
    const total = stream.at(-1)!.from + stream.at(-1)!.rows
    const reader = streamReader(stream, work)
    const first = Math.ceil(from / mapBatchRows) * mapBatchRows
    try {
      for (let start = first; start < from + rows; start += mapBatchRows) {
        const batch: TokenRow[] = []
        for (let row = start; row < Math.min(start + mapBatchRows, total); row++) batch.push(reader.at(row))
        for (const row of packBatch(batch, packing.packing, packing.maxLength)) writer.add(row)
        await output.tick()
      }
    } finally {
      reader.close()
    }
    return { file: output.put('tokens', writer.bytes()) }
  },
})

/** Rows of a stream by number; numbers ascend. */
function streamReader(stream: readonly StreamPart[], work: string): { at(row: number): TokenRow; close(): void } {
  let part = 0
  let shard: TokenShard | undefined
  return {
    at: (row) => {
      while (row >= stream[part]!.from + stream[part]!.rows) {
        shard?.close()
        shard = undefined
        part++
      }
      shard ??= openTokenShard(join(work, stream[part]!.file))
      return shard.at(row - stream[part]!.from) as TokenRow
    },
    close: () => shard?.close(),
  }
}
