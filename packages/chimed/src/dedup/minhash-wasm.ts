import { instantiate } from '../wasm-host'
import { type WasmJob, wasmThreads } from '../wasm-threads'
import type { MinHashKernel } from './minhash'
import { minhashWasm } from './minhash.wasm'

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
export function minHashKernelWasm(settings: KernelSettings): MinHashKernel {
  const { a, b, n, threads } = settings
  const { memory, exports: kernel } = instantiate<Exports>(minhashWasm)
  const pool = wasmThreads(minhashWasm, threads)
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
        for (const slab of slabsOf(texts)) {
          const { jobs, signatures } = slabJobs(texts, slab, settings)
          pool.run(jobs)
          out.set(signatures, slab[0] * a.length)
        }
      return out
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
    [Symbol.dispose]: pool[Symbol.dispose],
  }
}

/** UTF-16 units that are copied to shared memory at a time, and those of a job; a longer text is a job of its own. */
const slabUnits = 1 << 22
const jobUnits = 1 << 15

/** So few are not worth a copy to shared memory. */
const fewTexts = 8

type Slab = readonly [from: number, to: number]

/** Consecutive texts in runs of about `units`. */
function* runsOf(texts: readonly string[], [from, to]: Slab, units: number): Generator<Slab> {
  let start = from
  let size = 0
  for (let i = from; i < to; i++) {
    if (i > start && size + texts[i]!.length > units) {
      yield [start, i]
      start = i
      size = 0
    }
    size += texts[i]!.length
  }
  if (to > start) yield [start, to]
}

const slabsOf = (texts: readonly string[]): Generator<Slab> => runsOf(texts, [0, texts.length], slabUnits)

/** The jobs of a slab and where their signatures will be. */
function slabJobs(
  texts: readonly string[],
  slab: Slab,
  { a, b, n }: KernelSettings,
): { readonly jobs: WasmJob[]; readonly signatures: Uint32Array } {
  const [from, to] = slab
  const permutations = a.length
  const factors = new Uint32Array(new SharedArrayBuffer(permutations * 8))
  factors.set(a)
  factors.set(b, permutations)
  const signatures = new Uint32Array(new SharedArrayBuffer((to - from) * permutations * 4))
  const ends = new Uint32Array(new SharedArrayBuffer((to - from) * 4))
  const text = Buffer.from(
    new SharedArrayBuffer(2 * texts.slice(from, to).reduce((sum, { length }) => sum + length, 0)),
  )
  const jobs: WasmJob[] = []
  let written = 0
  for (const [start, end] of runsOf(texts, slab, jobUnits)) {
    const offset = written
    let longest = 0
    for (let i = start; i < end; i++) {
      written += text.write(texts[i]!, written, 'utf16le')
      ends[i - from] = (written - offset) / 2
      longest = Math.max(longest, texts[i]!.length)
    }
    const count = end - start
    const out = permutations * 8
    const endsAt = out + count * permutations * 4
    const textAt = endsAt + count * 4
    const work = textAt + Math.ceil((written - offset) / 4) * 4
    jobs.push({
      inputs: [
        { shared: factors.buffer as SharedArrayBuffer, offset: 0, bytes: permutations * 8, address: 0 },
        { shared: ends.buffer as SharedArrayBuffer, offset: (start - from) * 4, bytes: count * 4, address: endsAt },
        { shared: text.buffer as unknown as SharedArrayBuffer, offset, bytes: written - offset, address: textAt },
      ],
      call: 'signatures',
      args: [textAt, endsAt, count, n, 0, permutations * 4, permutations, out, work],
      outputs: [
        {
          shared: signatures.buffer as SharedArrayBuffer,
          offset: (start - from) * permutations * 4,
          bytes: count * permutations * 4,
          address: out,
        },
      ],
      memory: work + longest * 4,
    })
  }
  return { jobs, signatures }
}
