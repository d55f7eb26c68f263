import { minHash } from '@qilin-med/chimed'
import { median } from '../measure'
import type { BenchCase, BenchOptions, Suite } from '../suite'
import { owned } from './chimed/owned'
import { benchFile, benchTexts, callSeconds, shortest } from './chimed/texts'

/** MinHash signatures alone: 128 permutations over character 5-grams, one thread; and two threads beside one. */
export const suite: Suite = { name: 'minhash', cases }

async function cases(options: BenchOptions): Promise<BenchCase[]> {
  const texts = await benchTexts(options.data)
  const characters = texts.reduce((sum, { length }) => sum + length, 0)
  const peer = await options.startPeer('dedup', [await benchFile(options, 'texts.json', JSON.stringify(texts))])
  const kernel = owned(options, minHash())
  const pair = owned(options, minHash({ threads: 2 }))
  const rate = async (used: typeof kernel, figure = median): Promise<number> =>
    characters / 1e6 / figure(await callSeconds(() => used.signatures(texts)))
  const speed = (['rensa', 'datasketch'] as const).map((name) => ({
    name: `minhash 128 permutations, ${texts.length} documents vs ${name}`,
    unit: 'M characters/s',
    higherIsBetter: true,
    peerName: name,
    ours: () => rate(kernel),
    ...(peer && { peer: () => peer.measure(`${name}_signatures`), versions: peer.versions }),
  }))
  return [
    ...speed,
    {
      name: `minhash 128 permutations, ${texts.length} documents, two threads vs one`,
      unit: 'M characters/s',
      higherIsBetter: true,
      peerName: 'one thread',
      ours: () => rate(pair, shortest),
      peer: () => rate(kernel, shortest),
    },
  ]
}
