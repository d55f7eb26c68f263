import type { WasmJob, WasmThreads } from '../wasm-threads'
import type { Banding } from './bands'
import { type JobTexts, type Progress, runInSlabs } from './slabs'

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

/** UTF-16 units of a job: half a millisecond, so that no thread waits long for the last one. */
const jobUnits = 1 << 15

/** Signatures and band keys of a batch. */
export function sketchBatch(
  texts: readonly string[],
  banding: Banding,
  settings: BatchSettings,
  onProgress?: Progress,
): SharedSketches {
  const sketches = {
    signatures: new SharedArrayBuffer(texts.length * settings.permutations * 4),
    keys: new SharedArrayBuffer(texts.length * banding.bands * 8),
  }
  const items = { count: texts.length, width: 1, text: (number: number) => texts[number]!, jobUnits }
  const jobOf = (job: JobTexts): WasmJob => sketchJob(job, { sketches, banding, settings, texts: texts.length })
  runInSlabs(items, jobOf, { pool: settings.pool, onProgress })
  return sketches
}

interface SketchPlaces {
  readonly sketches: SharedSketches
  readonly banding: Banding
  readonly settings: BatchSettings
  /** Number of all texts. */
  readonly texts: number
}

function sketchJob(
  { memory, from, to, endsAt, textAt, bytes, longest }: JobTexts,
  { sketches, banding: { bands, rows }, settings: { factors, permutations, n }, texts }: SketchPlaces,
): WasmJob {
  const count = to - from
  const row = permutations * 4
  const keys = factors.byteLength
  const signatures = keys + count * bands * 8
  const ends = signatures + count * row
  const text = ends + count * 4
  const work = text + Math.ceil(bytes / 4) * 4
  return {
    inputs: [
      { shared: factors, offset: 0, bytes: factors.byteLength, address: 0 },
      { shared: memory, offset: endsAt, bytes: count * 4, address: ends },
      { shared: memory, offset: textAt, bytes, address: text },
    ],
    call: 'sketches',
    args: [text, ends, count, n, 0, row, permutations, signatures, bands, rows, keys, work],
    outputs: [
      { shared: sketches.signatures, offset: from * row, bytes: count * row, address: signatures },
      {
        shared: sketches.keys,
        offset: from * 8,
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

/**
 * For each band the texts whose key an earlier text has, ascending, each followed by the first text with that key; a job a band. The next bands
 * are looked through while the caller uses one. The lists lie in the memory of the keys, which are gone.
 */
export function* repeatedInBands(
  keys: SharedArrayBuffer,
  { texts, bands, pool }: { readonly texts: number; readonly bands: number; readonly pool: WasmThreads },
): Generator<Uint32Array> {
  if (texts === 0) return
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
  const run = pool.start(jobs)
  const words = new Uint32Array(keys)
  for (let band = 0; band < bands; band++) {
    run.finishJob(band)
    const start = band * texts * 2
    yield words.subarray(start + 2, start + 2 + 2 * words[start]!)
  }
  run.finish()
}
