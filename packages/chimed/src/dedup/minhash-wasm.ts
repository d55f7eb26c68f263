import { instantiate } from '../wasm-host'
import { wasmThreads } from '../wasm-threads'
import type { MinHashKernel } from './minhash'
import { minhashWasm } from './minhash.wasm'
import { pairSimilarities } from './pair-similarities'
import { repeatedInBands, sketchBatch } from './sketches'

interface Exports {
  shingles(text: number, units: number, points: number, n: number): number
  minima(hashes: number, count: number, a: number, b: number, permutations: number, out: number): void
  overlap(hashes: number, first: number, second: number, table: number, slots: number, union: number): number
}

/** What a kernel computes with. */
export interface KernelSettings {
  readonly a: Uint32Array
  readonly b: Uint32Array
  readonly n: number
  readonly threads: number
}

/** The compiled MinHash kernel. Single texts are done in a memory of its own, batches on its threads. */
export function minHashKernelWasm({ a, b, n, threads }: KernelSettings): MinHashKernel {
  const { memory, exports: kernel } = instantiate<Exports>(minhashWasm)
  const pool = wasmThreads(minhashWasm, threads)
  const batch = { pool, factors: sharedFactors(a, b), permutations: a.length, n }
  const bytes = a.length * 4
  const [factors, terms, result, work] = [0, bytes, 2 * bytes, 3 * bytes]
  let buffer = Buffer.from(memory.buffer)
  new Uint32Array(memory.buffer, factors, a.length).set(a)
  new Uint32Array(memory.buffer, terms, a.length).set(b)

  /** Makes room for `needed` bytes of work and gives the buffer over the memory. */
  function reserve(needed: number): Buffer {
    const missing = work + needed - memory.buffer.byteLength
    if (missing > 0) {
      memory.grow(Math.ceil(missing / 65536) + 16)
      buffer = Buffer.from(memory.buffer)
    }
    return buffer
  }

  /** Hashes of a text from `to` on, the text behind them: a text has at most as many n-grams as units. Returns their number. */
  function shingles(text: string, to = work): number {
    const from = to + text.length * 4
    reserve(from + text.length * 2 - work).write(text, from, 'utf16le')
    return kernel.shingles(from, text.length, to, n)
  }

  function hashes(list: Uint32Array, to = work): number {
    reserve(to + list.length * 4 - work)
    new Uint32Array(memory.buffer, to, list.length).set(list)
    return list.length
  }

  function minima(count: number, out: Uint32Array): void {
    kernel.minima(work, count, factors, terms, a.length, result)
    out.set(new Uint32Array(memory.buffer, result, a.length).subarray(0, out.length))
  }

  /** Jaccard similarity of two lists of hashes that lie one behind the other. */
  function similarity(first: number, second: number): number {
    if (first + second === 0) return 1
    const slots = 1 << (32 - Math.clz32(2 * (first + second) - 1))
    const table = work + (first + second) * 4
    reserve((first + second + slots) * 4).fill(0, table, table + slots * 4)
    const shared = kernel.overlap(work, first, second, table, slots, result)
    return shared / new Int32Array(memory.buffer, result, 1)[0]!
  }

  return {
    permutations: a.length,
    signature: (text, out) => minima(shingles(text), out),
    signatureOfHashes: (list, out) => minima(hashes(list), out),
    signatures: (texts) => {
      const out = new Uint32Array(texts.length * a.length)
      const row = (index: number): Uint32Array => out.subarray(index * a.length, (index + 1) * a.length)
      if (texts.length <= fewTexts) for (const [index, text] of texts.entries()) minima(shingles(text), row(index))
      else
        for (let from = 0; from < texts.length; from += batchTexts) {
          const { signatures } = sketchBatch(texts.slice(from, from + batchTexts), noBands, batch)
          out.set(new Uint32Array(signatures), from * a.length)
        }
      return out
    },
    sketch: (texts, { banding, onProgress }) => {
      const { signatures, keys } = sketchBatch(texts, banding, batch, onProgress)
      const repeats = repeatedInBands(keys, { texts: texts.length, bands: banding.bands, pool })
      return { signatures: new Uint32Array(signatures), repeats }
    },
    shingles: (text) => {
      const count = shingles(text)
      return new Uint32Array(memory.buffer, work, count)
    },
    similarity: (x, y) => {
      const first = shingles(x)
      return similarity(first, shingles(y, work + first * 4))
    },
    similarityOfHashes: (x, y) => similarity(hashes(x), hashes(y, work + x.length * 4)),
    ...(threads > 1 && { similarities: (texts, pairs) => pairSimilarities(texts, pairs, batch) }),
    [Symbol.dispose]: pool[Symbol.dispose],
  }
}

/** So few are not worth a copy to shared memory. */
const fewTexts = 8

/** Texts whose signatures lie in shared memory at a time before they are copied to the result. */
const batchTexts = 1 << 14

/** No keys beside the signatures. */
const noBands = { bands: 0, rows: 0 }

function sharedFactors(a: Uint32Array, b: Uint32Array): SharedArrayBuffer {
  const factors = new Uint32Array(new SharedArrayBuffer(a.length * 8))
  factors.set(a)
  factors.set(b, a.length)
  return factors.buffer as SharedArrayBuffer
}
