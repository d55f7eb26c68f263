import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { bleu, bleuMetric, bootstrapCorpus, chrf, loadJieba, numpyRandom, rougeChinese, ter } from '@qilin-med/metrics'
import type { BenchCase, BenchOptions, Suite } from '../suite'

/** Text metrics against the Python libraries, on one thread, over the same pairs of 120 characters. */
export const suite: Suite = { name: 'metrics', cases }

type Pair = readonly [prediction: string, reference: string]

async function cases(options: BenchOptions): Promise<BenchCase[]> {
  const pairs = await readPairs(options.data)
  const peer = await options.startPeer('metrics', [await sharedFile(pairs, options)])
  const jieba = await loadJieba()
  const against = (
    name: string,
    measure: string,
    { unit, peerName, rows }: { unit: string; peerName: string; rows: number },
    run: (predictions: string[], references: string[]) => number,
  ): BenchCase => {
    const [predictions, references] = [0, 1].map((side) => pairs.slice(0, rows).map((pair) => pair[side]!)) as [
      string[],
      string[],
    ]
    return {
      name: `${name} ${rows}x120c vs ${peerName}`,
      unit,
      higherIsBetter: true,
      peerName,
      ours: async () => run(predictions, references),
      ...(peer && { peer: () => peer.measure(measure, { rows }), versions: peer.versions }),
    }
  }
  const perSecond = { unit: 'pairs/s' }
  return [
    against('bleu zh', 'bleu', { ...perSecond, peerName: 'sacrebleu', rows: 5000 }, (p, r) =>
      rate(p.length, () => bleu(p, r)),
    ),
    against('rouge', 'rouge', { ...perSecond, peerName: 'rouge-chinese', rows: 500 }, (p, r) =>
      rate(p.length, () => rougeChinese(p, r)),
    ),
    against('chrf', 'chrf', { ...perSecond, peerName: 'sacrebleu', rows: 1000 }, (p, r) =>
      rate(p.length, () => chrf(p, r)),
    ),
    against('ter', 'ter', { ...perSecond, peerName: 'sacrebleu', rows: 50 }, (p, r) =>
      rate(p.length, () => ter(p, r, { normalized: true, asianSupport: true })),
    ),
    against('bleu bootstrap', 'bootstrap', { unit: 'resamples/s', peerName: 'sacrebleu', rows: 1000 }, (p, r) =>
      rate(1000, () => bootstrapCorpus(bleuMetric(), p, r)),
    ),
    against('segmentation', 'segment', { unit: 'MB/s', peerName: 'jieba', rows: 5000 }, (p) => {
      const text = p.join('\n')
      return rate(Buffer.byteLength(text) / 1e6, () => jieba.cut(text))
    }),
  ]
}

/** Amount a second; short runs are repeated until they take a tenth of a second, so that the clock does not decide. */
function rate(amount: number, run: () => unknown): number {
  const start = performance.now()
  let done = 0
  do {
    run()
    done += amount
  } while (performance.now() - start < 100)
  return done / ((performance.now() - start) / 1000)
}

const length = 120

/** Pairs that overlap in 110 of 120 characters: of the Huatuo-26M answers when they are there, otherwise of invented sentences. */
async function readPairs(data: string | undefined): Promise<Pair[]> {
  const path = data === undefined ? undefined : join(data, 'qa/huatuo26m_test.jsonl.gz')
  const text = path !== undefined && existsSync(path) ? await answersOf(path) : inventedText(800_000)
  return Array.from({ length: 5000 }, (_, i): Pair => {
    const at = (i * (length + 20)) % (text.length - 2 * length)
    return [text.slice(at, at + length), text.slice(at + 10, at + 10 + length)]
  })
}

async function answersOf(path: string): Promise<string> {
  const lines = gunzipSync(await readFile(path))
    .toString('utf8')
    .split('\n')
  return lines.flatMap((line) => (line === '' ? [] : [String(JSON.parse(line).output[0])])).join('')
}

function inventedText(characters: number): string {
  const words = [
    '患者',
    '灰斑症',
    '服用',
    '蓝叶草',
    '每日',
    '3次',
    '体温37.5℃',
    '，',
    '。',
    '检查',
    '血压120/80mmHg',
    '建议',
    '休息',
    '复查',
    '无效',
    '头晕',
  ]
  const draws = numpyRandom(1).integers(words.length, new Int32Array(characters))
  let text = ''
  for (let i = 0; text.length < characters; i++) text += words[draws[i]!]
  return text
}

/** The pairs in a file for the peer; it goes with the suite. */
async function sharedFile(pairs: readonly Pair[], { own, peerPython }: BenchOptions): Promise<string> {
  if (peerPython === undefined) return ''
  const folder = await mkdtemp(join(tmpdir(), 'qilin-bench-'))
  own({ [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) })
  const path = join(folder, 'pairs.json')
  await writeFile(path, JSON.stringify(pairs))
  return path
}
