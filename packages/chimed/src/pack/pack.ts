import type { TokenRow } from '../types'
import { packBestFit } from './best-fit'
import { packBlocksOf, qilinBlocks, wrappedBlocks } from './blocks'

/** Ways to fill rows: TRL's three strategies, and the blocks of the Qilin-Med scripts. */
export type Packing = 'bfd' | 'bfd_split' | 'wrapped' | 'qilin'

/** Rows that the mapper of the Python libraries hands over at a time; packing never looks beyond. */
export const mapBatchRows = 1000

/**
 * Packs a stream of rows as TRL (or the Qilin-Med scripts) would: each map batch of `batchRows` rows by itself. One batch is in memory.
 *
 * @param batchRows  default 1000; larger batches pack tighter
 */
export async function* pack(
  rows: Iterable<TokenRow> | AsyncIterable<TokenRow>,
  {
    packing,
    maxLength,
    batchRows = mapBatchRows,
  }: { readonly packing: Packing; readonly maxLength: number; readonly batchRows?: number },
): AsyncGenerator<TokenRow> {
  let batch: TokenRow[] = []
  for await (const row of rows) {
    if (batch.push(row) < batchRows) continue
    yield* packBatch(batch, packing, maxLength)
    batch = []
  }
  yield* packBatch(batch, packing, maxLength)
}

/** Packs one batch. */
export function packBatch(rows: readonly TokenRow[], packing: Packing, maxLength: number): TokenRow[] {
  const strategies: Record<Packing, () => TokenRow[]> = {
    bfd: () => packBestFit(rows, { maxLength }),
    bfd_split: () => packBestFit(rows, { maxLength, overflow: 'split' }),
    wrapped: () => packBlocksOf(rows, { ...wrappedBlocks, blockSize: maxLength, batchRows: rows.length }),
    qilin: () => packBlocksOf(rows, { ...qilinBlocks, blockSize: maxLength, batchRows: rows.length }),
  }
  return rows.length === 0 ? [] : strategies[packing]()
}
