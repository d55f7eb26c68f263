import { duplicatedRanges } from '@qilin-med/chimed'
import type { BenchCase, BenchOptions, Suite } from '../suite'
import { benchFile, benchTexts, seconds } from './chimed/texts'

/** All ranges of 150 bytes that occur twice in 17.4 MB of Chinese UTF-8, from the bytes to the ranges, one thread. */
export const suite: Suite = { name: 'substring', cases }

const bytes = 17_400_000
const length = 150

async function cases(options: BenchOptions): Promise<BenchCase[]> {
  const once = Buffer.from((await benchTexts(options.data)).join('\n'))
  const text = Buffer.concat(Array.from({ length: Math.ceil(bytes / once.length) }, () => once)).subarray(0, bytes)
  const peer = await options.startPeer('substring', [await benchFile(options, 'text.bin', text)])
  return [
    {
      name: `suffix array and ranges of ${length} bytes, ${(text.length / 1e6).toFixed(1)} MB vs deduplicate-text-datasets`,
      unit: 's',
      higherIsBetter: false,
      peerName: 'deduplicate-text-datasets',
      ours: () => seconds(() => duplicatedRanges(text, { length })),
      ...(peer && { peer: () => peer.measure('ranges', { length }), versions: peer.versions }),
    },
  ]
}
