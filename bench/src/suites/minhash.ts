import { minHash } from '@qilin-med/chimed'
import type { BenchCase, BenchOptions, Suite } from '../suite'
import { benchFile, benchTexts, seconds } from './chimed/texts'

/** MinHash signatures alone: 128 permutations over character 5-grams, one thread. */
export const suite: Suite = { name: 'minhash', cases }

async function cases(options: BenchOptions): Promise<BenchCase[]> {
  const texts = await benchTexts(options.data)
  const characters = texts.reduce((sum, { length }) => sum + length, 0)
  const peer = await options.startPeer('dedup', [await benchFile(options, 'texts.json', JSON.stringify(texts))])
  const kernel = minHash()
  const out = new Uint32Array(128)
  const rate = async (run: () => void): Promise<number> => characters / 1e6 / (await seconds(run))
  return (['rensa', 'datasketch'] as const).map((name) => ({
    name: `minhash 128 permutations, ${texts.length} documents vs ${name}`,
    unit: 'M characters/s',
    higherIsBetter: true,
    peerName: name,
    ours: () => rate(() => texts.forEach((text) => kernel.signature(text, out))),
    ...(peer && { peer: () => peer.measure(`${name}_signatures`), versions: peer.versions }),
  }))
}
