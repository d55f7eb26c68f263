import type { Embedder } from '../dense/embedder'
import type { DocumentInput } from '../documents/document'

/** A few texts from an invented medical world; every disease in it is fictional. */
export const texts: readonly string[] = [
  '雾心症是一种虚构的心脏疾病，首选检查是云图扫描。',
  '雾心症患者应忌食星椒，宜食月藻。',
  '石纹热的常见表现是皮肤出现石纹，多见于冬季。',
  '石纹热首选药物为青露片，每日两次。',
  '霜肺病由冷雾引起，主要症状为咳出冰屑。',
  '霜肺病的治疗以温阳散为主，疗程两周。',
  '回声耳鸣多见于山谷居民，检查方法是静室测听。',
  'Mistheart syndrome (fictional) is examined by a cloud scan, not by CT.',
]

/** The same as documents with ids of their own. */
export const documents: readonly DocumentInput[] = texts.map((text, i) => ({
  id: `world/${i}`,
  text,
  source: 'invented handbook',
  metadata: { row: i },
}))

/** An embedder for tests: counts of hashed characters, so that texts which share characters are alike. */
export const characterEmbedder = (
  dimensions = 64,
): Embedder & { readonly calls: { texts: number; kind: string }[] } => {
  const calls: { texts: number; kind: string }[] = []
  return {
    calls,
    dimensions,
    async embed(batch, { kind }) {
      calls.push({ texts: batch.length, kind })
      return batch.map((text) => {
        const vector = new Float32Array(dimensions)
        for (const character of text) vector[(character.codePointAt(0)! * 40503) % dimensions]! += 1
        return vector
      })
    },
  }
}

/** What a promise is rejected with; undefined when it is not. */
export const rejection = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

/** Numbers from 0 to 1 that only depend on the seed (mulberry32). */
export const seeded = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
