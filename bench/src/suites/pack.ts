import { packBatch, type TokenRow } from '@qilin-med/chimed'
import type { BenchCase, BenchOptions, Suite } from '../suite'
import { seconds, seeded } from './chimed/texts'

/** Packing of token rows to rows of 1024, in map batches of 1000 rows, as TRL does it. */
export const suite: Suite = { name: 'pack', cases }

const rowCount = 50_000
const maxLength = 1024

async function cases(options: BenchOptions): Promise<BenchCase[]> {
  const random = seeded(3)
  const lengths = Array.from({ length: rowCount }, () => 1 + Math.floor(1200 * random() ** 2))
  const rows = lengths.map(
    (length): TokenRow => ({ inputIds: new Int32Array(length).fill(7), labels: new Int32Array(length).fill(7) }),
  )
  const tokens = lengths.reduce((sum, length) => sum + length, 0)
  const peer = await options.startPeer('pack')
  return (['bfd', 'wrapped'] as const).map((packing) => ({
    name: `pack ${packing} ${rowCount} rows to ${maxLength} vs trl`,
    unit: 'M tokens/s',
    higherIsBetter: true,
    peerName: 'trl',
    ours: async () => tokens / 1e6 / (await seconds(() => packAll(rows, packing))),
    ...(peer && {
      peer: () => peer.measure('pack', { lengths, strategy: packing, length: maxLength }),
      versions: peer.versions,
    }),
  }))
}

function packAll(rows: readonly TokenRow[], packing: 'bfd' | 'wrapped'): number {
  let packed = 0
  for (let start = 0; start < rows.length; start += 1000)
    packed += packBatch(rows.slice(start, start + 1000), packing, maxLength).length
  return packed
}
