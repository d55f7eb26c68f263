import { mix32 } from '../dedup/minhash-js'

/** A character trigram model: how surprising a text is, given the texts it was trained on. */
export interface NgramModel {
  /** Perplexity per character; the empty text has 1. */
  perplexity(text: string): number
  /** Characters it was trained on. */
  readonly trainedOn: number
}

/** Options of `trainNgramModel`. */
export interface NgramModelOptions {
  /** Slots of the tables of counts, a power of two (default 2^20); characters that share a slot share their counts. */
  readonly slots?: number | undefined
}

/**
 * A trigram model with interpolated estimates (0.6 trigram, 0.3 bigram, 0.1 single characters, the last smoothed by one). Counts lie in
 * hashed tables of a fixed size, so training on any amount of text takes the same memory: 12 MiB by default.
 */
export function trainNgramModel(texts: Iterable<string>, { slots = 1 << 20 }: NgramModelOptions = {}): NgramModel {
  const tables = { one: new Uint32Array(slots), two: new Uint32Array(slots), three: new Uint32Array(slots) }
  const mask = slots - 1
  let total = 0
  for (const text of texts) {
    walk(text, mask, (one, two, three) => {
      tables.one[one]!++
      tables.two[two]!++
      tables.three[three]!++
      total++
    })
  }
  const vocabulary = Math.max(
    1,
    tables.one.reduce((kinds, times) => kinds + (times > 0 ? 1 : 0), 0),
  )
  const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : Math.min(1, part / whole))

  function perplexity(text: string): number {
    let sum = 0
    let characters = 0
    walk(text, mask, (one, two, three, beforeOne, beforeTwo) => {
      const single = (tables.one[one]! + 1) / (total + vocabulary + 1)
      const pair = ratio(tables.two[two]!, tables.one[beforeOne]!)
      const triple = ratio(tables.three[three]!, tables.two[beforeTwo]!)
      sum -= Math.log(0.1 * single + 0.3 * pair + 0.6 * triple)
      characters++
    })
    return characters === 0 ? 1 : Math.exp(sum / characters)
  }

  return { perplexity, trainedOn: total }
}

type Visit = (one: number, two: number, three: number, beforeOne: number, beforeTwo: number) => void

/** Slots of each character, of it with the one before, with the two before, and of those contexts. A text begins after two line breaks. */
function walk(text: string, mask: number, visit: Visit): void {
  let before = 10
  let beforeThat = 10
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const pair = mix32(Math.imul(before, 0x10001) ^ mix32(code))
    const context = mix32(Math.imul(beforeThat, 0x10001) ^ mix32(before))
    visit(
      mix32(code) & mask,
      pair & mask,
      mix32(pair ^ Math.imul(beforeThat + 1, 0x9e3779b1)) & mask,
      mix32(before) & mask,
      context & mask,
    )
    beforeThat = before
    before = code
  }
}
