import { ignoreIndex, type TokenRow } from '../types'
import { joinRows } from './best-fit'

/** What happens to the tokens that do not fill a block. */
export type Tail =
  /** Left out, unless there is no whole block: then the short one is kept (the Qilin-Med scripts). */
  | 'drop-unless-only'
  /** Left out always (LLaMA-Factory). */
  | 'drop'
  /** Kept as a short block (TRL's `wrapped`). */
  | 'keep'
  /** Filled up with `padId`, whose labels do not count. */
  | 'pad'

/** Options of `packBlocks`. */
export interface BlockOptions {
  /** Tokens of a block. */
  readonly blockSize: number
  /** Rows that are concatenated before blocks are cut: 1000, as the mapper of the Python scripts takes them, or all (default). */
  readonly batchRows?: number | undefined
  /** Default `keep`. */
  readonly tail?: Tail | undefined
  /** Needed for the tail `pad`. */
  readonly padId?: number | undefined
  /** Replaces the first token of every block, as LLaMA-Factory does for tokenizers that add BOS. */
  readonly firstId?: number | undefined
}

/** Blocks of the Qilin-Med scripts: batches of 1000 rows, the tail of each batch left out unless it is all there is. */
export const qilinBlocks = { batchRows: 1000, tail: 'drop-unless-only' } as const satisfies Partial<BlockOptions>

/** Blocks of TRL's `wrapped` strategy: batches of 1000 rows, every tail kept. */
export const wrappedBlocks = { batchRows: 1000, tail: 'keep' } as const satisfies Partial<BlockOptions>

/**
 * Concatenates rows and cuts the stream into blocks. Streaming: holds one block, whatever `batchRows` is. Labels are those of the rows.
 *
 * @returns the tokens left out at the ends of batches
 */
export async function* packBlocks(
  rows: Iterable<TokenRow> | AsyncIterable<TokenRow>,
  options: BlockOptions,
): AsyncGenerator<TokenRow, { droppedTokens: number }> {
  const packer = blockPacker(options)
  for await (const row of rows) yield* packer.push(row)
  yield* packer.end()
  return { droppedTokens: packer.droppedTokens() }
}

/** The same for a list in memory. The blocks of a batch are views of one buffer, except for a padded one. */
export function packBlocksOf(
  rows: readonly TokenRow[],
  { batchRows = Number.POSITIVE_INFINITY, ...options }: BlockOptions,
): TokenRow[] {
  const blocks: TokenRow[] = []
  const step = Math.min(batchRows, Math.max(1, rows.length))
  for (let from = 0; from < rows.length; from += step) cutBatch(rows.slice(from, from + step), options, blocks)
  return blocks
}

/** Adds the blocks of one batch to `blocks`. */
function cutBatch(
  rows: readonly TokenRow[],
  { blockSize, tail = 'keep', padId, firstId }: Omit<BlockOptions, 'batchRows'>,
  blocks: TokenRow[],
): void {
  const { inputIds, labels } = joinRows(rows)
  const whole = inputIds.length - (inputIds.length % blockSize)
  const keepsTail = tail === 'keep' || tail === 'pad' || (tail === 'drop-unless-only' && whole === 0)
  const end = keepsTail ? inputIds.length : whole
  for (let at = 0; at < end; at += blockSize) {
    const block = { inputIds: inputIds.subarray(at, at + blockSize), labels: labels.subarray(at, at + blockSize) }
    if (firstId !== undefined) block.inputIds[0] = block.labels[0] = firstId
    const padded = tail === 'pad' && block.inputIds.length < blockSize
    blocks.push(
      padded
        ? {
            inputIds: filledUp(block.inputIds, blockSize, padId!),
            labels: filledUp(block.labels, blockSize, ignoreIndex),
          }
        : block,
    )
  }
}

function filledUp(values: Int32Array, length: number, fill: number): Int32Array {
  const filled = new Int32Array(length).fill(fill, values.length)
  filled.set(values)
  return filled
}

interface BlockPacker {
  push(row: TokenRow): TokenRow[]
  end(): TokenRow[]
  droppedTokens(): number
}

function blockPacker({
  blockSize,
  batchRows = Number.POSITIVE_INFINITY,
  tail = 'keep',
  padId,
  firstId,
}: BlockOptions): BlockPacker {
  let ids = new Int32Array(blockSize)
  let labels = new Int32Array(blockSize)
  let filled = 0
  let rowsInBatch = 0
  let blocksInBatch = 0
  let dropped = 0

  function take(length: number): TokenRow {
    const block = {
      inputIds: length === blockSize ? ids : ids.slice(0, length),
      labels: length === blockSize ? labels : labels.slice(0, length),
    }
    if (firstId !== undefined) block.inputIds[0] = block.labels[0] = firstId
    ids = new Int32Array(blockSize)
    labels = new Int32Array(blockSize)
    filled = 0
    blocksInBatch++
    return block
  }

  function closeBatch(): TokenRow[] {
    const rest = closeTail(blocksInBatch === 0)
    rowsInBatch = blocksInBatch = 0
    return rest
  }

  function closeTail(only: boolean): TokenRow[] {
    if (filled === 0) return []
    if (tail === 'keep' || (tail === 'drop-unless-only' && only)) return [take(filled)]
    if (tail === 'pad') {
      ids.fill(padId!, filled)
      labels.fill(ignoreIndex, filled)
      return [take(blockSize)]
    }
    dropped += filled
    filled = 0
    return []
  }

  function push(row: TokenRow): TokenRow[] {
    const blocks: TokenRow[] = []
    for (let from = 0; from < row.inputIds.length; ) {
      const part = Math.min(blockSize - filled, row.inputIds.length - from)
      ids.set(row.inputIds.subarray(from, from + part), filled)
      labels.set(row.labels.subarray(from, from + part), filled)
      filled += part
      from += part
      if (filled === blockSize) blocks.push(take(blockSize))
    }
    if (++rowsInBatch === batchRows) blocks.push(...closeBatch())
    return blocks
  }

  return { push, end: closeBatch, droppedTokens: () => dropped }
}
