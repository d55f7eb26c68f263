import type { WasmJob, WasmRun, WasmThreads } from '../wasm-threads'
import type { Banding } from './bands'

/** What a batch is computed with. */
export interface BatchSettings {
  readonly pool: WasmThreads
  /** Factors and behind them terms of the permutations. */
  readonly factors: SharedArrayBuffer
  readonly permutations: number
  readonly n: number
}

/** Signatures of texts and keys of their bands, both in shared memory, where the threads put them. */
interface SharedSketches {
  /** [texts × permutations] */
  readonly signatures: SharedArrayBuffer
  /** [bands × texts], 64-bit whole numbers as `bandKeys` gives them. */
  readonly keys: SharedArrayBuffer
}

/** UTF-16 units that are copied to shared memory at a time, and those of a job; a longer text is a job of its own. */
const slabUnits = 1 << 19
const jobUnits = 1 << 16

/** Slabs in shared memory: one that is being written, one that threads work on, and one whose last jobs are running. */
const slabsAtATime = 3

/**
 * Signatures and band keys of a batch. While the other threads work on a slab of texts, the calling one copies the next; memory beside the
 * results is bounded by three slabs, or three times the longest text.
 */
export function sketchBatch(
  texts: readonly string[],
  banding: Banding,
  { pool, factors, permutations, n }: BatchSettings,
  onProgress?: (done: number, total: number) => void,
): SharedSketches {
  const sketches = {
    signatures: new SharedArrayBuffer(texts.length * permutations * 4),
    keys: new SharedArrayBuffer(texts.length * banding.bands * 8),
  }
  const memories = Array.from({ length: slabsAtATime }, () => new SharedArrayBuffer(0))
  const runs: WasmRun[] = []
  let slabs = 0
  for (const slab of runsOf(texts, [0, texts.length], slabUnits)) {
    onProgress?.(slab[0], texts.length)
    const place = slabs++ % slabsAtATime
    if (runs.length === slabsAtATime) runs.shift()!.finish()
    const bytes = slabBytes(texts, slab)
    if (memories[place]!.byteLength < bytes) memories[place] = new SharedArrayBuffer(bytes)
    const jobs = slabJobs(texts, slab, { memory: memories[place]!, sketches, banding, factors, permutations, n })
    runs.push(pool.start(jobs))
    runs.at(-2)?.help()
  }
  for (const run of runs) run.finish()
  return sketches
}

/**
 * For each band the texts whose key an earlier text has, ascending, each followed by the first text with that key; a job a band. The lists lie
 * in the memory of the keys, which are gone.
 */
export function repeatedInBands(
  keys: SharedArrayBuffer,
  { texts, bands, pool }: { readonly texts: number; readonly bands: number; readonly pool: WasmThreads },
): Uint32Array[] {
  const bytes = texts * 8
  const slots = 2 ** Math.max(4, Math.ceil(Math.log2(texts * 2 + 1)))
  const jobs = Array.from({ length: bands }, (_, band): WasmJob => {
    const place = { shared: keys, offset: band * bytes, bytes }
    return {
      inputs: [{ ...place, address: 0 }],
      call: 'repeats',
      args: [0, texts, 2 * bytes, slots, bytes],
      outputs: [{ ...place, address: bytes }],
      memory: 2 * bytes + slots * 4,
    }
  })
  if (texts > 0) pool.start(jobs).finish()
  const words = new Uint32Array(keys)
  return Array.from({ length: bands }, (_, band) => {
    const start = band * texts * 2
    return words.subarray(start + 2, start + 2 + 2 * (words[start] ?? 0))
  })
}

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

/** Bytes of the ends of the texts of a slab and of the texts. */
function slabBytes(texts: readonly string[], [from, to]: Slab): number {
  let units = 0
  for (let i = from; i < to; i++) units += texts[i]!.length
  return (to - from) * 4 + units * 2
}

interface SlabSettings extends Omit<BatchSettings, 'pool'> {
  /** Where the ends of the texts go, counted in units from the start of their job, and behind them the texts. */
  readonly memory: SharedArrayBuffer
  readonly sketches: SharedSketches
  readonly banding: Banding
}

/** The jobs of a slab, whose texts are copied to shared memory. */
function slabJobs(texts: readonly string[], slab: Slab, settings: SlabSettings): WasmJob[] {
  const [from, to] = slab
  const ends = new Uint32Array(settings.memory, 0, to - from)
  const text = Buffer.from(settings.memory, ends.byteLength)
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
    const place = { endsAt: (start - from) * 4, textAt: ends.byteLength + offset, bytes: written - offset, longest }
    jobs.push(sketchJob([start, end], place, settings))
  }
  return jobs
}

/** Where the texts of a job lie in the memory of the slab, their bytes, and the units of the longest. */
interface JobTexts {
  readonly endsAt: number
  readonly textAt: number
  readonly bytes: number
  readonly longest: number
}

function sketchJob(
  [start, end]: Slab,
  { endsAt, textAt, bytes, longest }: JobTexts,
  { memory, sketches, banding: { bands, rows }, factors, permutations, n }: SlabSettings,
): WasmJob {
  const count = end - start
  const texts = sketches.signatures.byteLength / (permutations * 4)
  const keys = factors.byteLength
  const signatures = keys + count * bands * 8
  const ends = signatures + count * permutations * 4
  const text = ends + count * 4
  const work = text + Math.ceil(bytes / 4) * 4
  const row = permutations * 4
  return {
    inputs: [
      { shared: factors, offset: 0, bytes: factors.byteLength, address: 0 },
      { shared: memory, offset: endsAt, bytes: count * 4, address: ends },
      { shared: memory, offset: textAt, bytes, address: text },
    ],
    call: 'sketches',
    args: [text, ends, count, n, 0, row, permutations, signatures, bands, rows, keys, work],
    outputs: [
      { shared: sketches.signatures, offset: start * row, bytes: count * row, address: signatures },
      {
        shared: sketches.keys,
        offset: start * 8,
        bytes: count * 8,
        address: keys,
        times: bands,
        step: count * 8,
        sharedStep: texts * 8,
      },
    ],
    memory: work + longest * 4,
  }
}
