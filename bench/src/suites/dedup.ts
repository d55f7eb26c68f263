import { minHash, type NearOptions, nearDuplicates } from '@qilin-med/chimed'
import { median } from '../measure'
import type { BenchCase, BenchOptions, Suite } from '../suite'
import { owned } from './chimed/owned'
import { benchFile, benchTexts, callSeconds, seeded, shortest } from './chimed/texts'

/**
 * MinHash and LSH together: 128 permutations, threshold 0.8. Ours also verifies every candidate by exact Jaccard similarity and joins components; the
 * peers do not. One thread, and two beside one; the recall of planted near-duplicates.
 */
export const suite: Suite = { name: 'dedup', cases }

async function cases(options: BenchOptions): Promise<BenchCase[]> {
  const texts = await benchTexts(options.data)
  const characters = texts.reduce((sum, { length }) => sum + length, 0)
  const peer = await options.startPeer('dedup', [await benchFile(options, 'texts.json', JSON.stringify(texts))])
  const [single, pair] = [1, 2].map((threads) => owned(options, minHash({ threads })))
  const rate = async (settings: NearOptions, figure = median): Promise<number> =>
    characters / 1e6 / figure(await callSeconds(() => nearDuplicates(texts, { threshold: 0.8, ...settings })))
  const speed = (['rensa', 'datasketch'] as const).map((name) => ({
    name: `minhash+lsh 0.8, ${texts.length} documents vs ${name}`,
    unit: 'M characters/s',
    higherIsBetter: true,
    peerName: name,
    ours: () => rate({}),
    ...(peer && { peer: () => peer.measure(`${name}_lsh`), versions: peer.versions }),
  }))
  const threads = [
    { name: 'two threads', settings: { kernel: pair }, beside: { kernel: single } },
    { name: 'two threads started by the call', settings: { threads: 2 }, beside: {} },
  ].map(({ name, settings, beside }) => ({
    name: `minhash+lsh 0.8, ${texts.length} documents, ${name} vs one`,
    unit: 'M characters/s',
    higherIsBetter: true,
    peerName: 'one thread',
    ours: () => rate(settings, shortest),
    peer: () => rate(beside, shortest),
    rounds: threadRounds,
  }))
  const recall: BenchCase = {
    name: 'recall of planted near-duplicates at Jaccard 0.8',
    unit: 'share',
    higherIsBetter: true,
    peerName: 'none',
    ours: async () => plantedRecall(),
  }
  return [...speed, ...threads, recall]
}

/** Rounds of two threads beside one: on two processors anything else that runs takes from one side only. */
const threadRounds = 15

/** Share of pairs just at or above the threshold that are found: texts of 404 characters whose last 40 or so differ. */
function plantedRecall(): number {
  const random = seeded(5)
  const draw = (length: number): string =>
    Array.from({ length }, () => String.fromCharCode(0x4e00 + Math.floor(random() * 5000))).join('')
  const pairs = Array.from({ length: 2000 }, () => {
    const shared = draw(364)
    return [shared + draw(40), shared + draw(40)]
  })
  const { roots } = nearDuplicates(pairs.flat(), { threshold: 0.8 })
  return pairs.filter((_, index) => roots[2 * index] === roots[2 * index + 1]).length / pairs.length
}
