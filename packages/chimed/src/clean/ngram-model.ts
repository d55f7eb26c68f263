import { mix32 } from '../dedup/minhash-js'
import { ChimedError } from '../errors'

/** A character trigram model: how surprising a text is, given the texts it was trained on. */
export interface NgramModel {
  /** Perplexity per character; the empty text has 1. */
  perplexity(text: string): number
  /** Characters it was trained on. */
  readonly trainedOn: number
  /** The model as bytes for `ngramModelOf`, 12 a slot: trained once, it judges alike on every machine. */
  toBytes(): Uint8Array
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
  if (!isPowerOfTwo(slots))
    throw new ChimedError(
      'option',
      `trainNgramModel: expected slots to be a power of two, got ${slots}. Use 2 ** 20 or so.`,
    )
  const counts = { one: new Uint32Array(slots), two: new Uint32Array(slots), three: new Uint32Array(slots), total: 0 }
  for (const text of texts) {
    walk(text, slots - 1, (one, two, three) => {
      counts.one[one]!++
      counts.two[two]!++
      counts.three[three]!++
      counts.total++
    })
  }
  return modelOf(counts)
}

const mark = 'CHIMEDNG'

/**
 * The model of `toBytes`.
 *
 * @throws ChimedError `file-format` for other bytes
 */
export function ngramModelOf(bytes: Uint8Array): NgramModel {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (content.length < 20 || content.toString('latin1', 0, mark.length) !== mark) throw noModel()
  const slots = content.readUInt32LE(8)
  if (!isPowerOfTwo(slots) || content.length !== 20 + 12 * slots) throw noModel()
  const table = (index: number): Uint32Array => {
    const from = 20 + 4 * slots * index
    return Uint32Array.from({ length: slots }, (_, slot) => content.readUInt32LE(from + 4 * slot))
  }
  return modelOf({ one: table(0), two: table(1), three: table(2), total: content.readDoubleLE(12) })
}

const noModel = (): ChimedError =>
  new ChimedError('file-format', 'ngramModelOf: expected bytes of toBytes, got others. Train the model again.')

const isPowerOfTwo = (value: number): boolean => Number.isInteger(Math.log2(value)) && value <= 2 ** 28

interface Counts {
  readonly one: Uint32Array
  readonly two: Uint32Array
  readonly three: Uint32Array
  total: number
}

function modelOf(tables: Counts): NgramModel {
  const { total } = tables
  const mask = tables.one.length - 1
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

  function toBytes(): Uint8Array {
    const header = Buffer.alloc(20)
    header.write(mark, 'latin1')
    header.writeUInt32LE(mask + 1, 8)
    header.writeDoubleLE(total, 12)
    const words = [tables.one, tables.two, tables.three].map((table) => {
      const bytes = Buffer.alloc(4 * table.length)
      for (const [slot, count] of table.entries()) bytes.writeUInt32LE(count, 4 * slot)
      return bytes
    })
    return Buffer.concat([header, ...words])
  }

  return { perplexity, trainedOn: total, toBytes }
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
