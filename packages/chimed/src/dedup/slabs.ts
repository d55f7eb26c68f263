import type { WasmJob, WasmRun, WasmThreads } from '../wasm-threads'

/** Items of one or more texts each, for jobs of threads. */
export interface SlabItems {
  readonly count: number
  /** Texts of an item, and those of all by number. */
  readonly width: number
  readonly text: (number: number) => string
  /** UTF-16 units of a job; a longer item is a job of its own. */
  readonly jobUnits: number
}

/** The texts of a job in shared memory: one after another from `textAt` on; at `endsAt` the unit behind each, counted from there. */
export interface JobTexts {
  readonly memory: SharedArrayBuffer
  /** The items of the job. */
  readonly from: number
  readonly to: number
  readonly endsAt: number
  readonly textAt: number
  readonly bytes: number
  /** Units of the longest item. */
  readonly longest: number
}

/** UTF-16 units that are copied to shared memory at a time: few at first, so that the other threads soon have work. */
const slabUnits = (slab: number): number => 1 << Math.min(19, 14 + slab)

/** Slabs in shared memory: one that is being written, one that threads work on, and one whose last jobs are running. */
const slabsAtATime = 3

/**
 * Runs a job for every few items. While the other threads work on a slab of texts, the calling one copies the next; memory beside what the
 * jobs write is bounded by three slabs, or three times the longest item.
 */
export function runInSlabs(
  items: SlabItems,
  jobOf: (texts: JobTexts) => WasmJob,
  { pool, onProgress }: { readonly pool: WasmThreads; readonly onProgress?: Progress | undefined },
): void {
  const memories = Array.from({ length: slabsAtATime }, () => new SharedArrayBuffer(0))
  const runs: WasmRun[] = []
  let slabs = 0
  for (const slab of runsOf(items, { from: 0, to: items.count }, () => slabUnits(slabs))) {
    onProgress?.(slab.from, items.count)
    const place = slabs++ % slabsAtATime
    if (runs.length === slabsAtATime) runs.shift()!.finish()
    const bytes = (slab.to - slab.from) * items.width * 4 + slab.units * 2 // ends of the texts, and the texts
    if (memories[place]!.byteLength < bytes) memories[place] = new SharedArrayBuffer(bytes)
    runs.push(pool.start(writeSlab(items, slab, memories[place]!).map(jobOf)))
    runs.at(-2)?.help()
  }
  for (const run of runs) run.finish()
}

/** Called with the items that are done and all. */
export type Progress = (done: number, total: number) => void

/** Items from `from` to before `to`. */
interface Range {
  readonly from: number
  readonly to: number
}

/** The same with their UTF-16 units. */
interface Run extends Range {
  readonly units: number
}

/** Consecutive items in runs of at most `limit` units, which may change from run to run; a longer item is a run of its own. */
function* runsOf(items: SlabItems, { from, to }: Range, limit: () => number): Generator<Run> {
  let start = from
  let units = 0
  for (let item = from; item < to; item++) {
    const own = unitsOf(items, item)
    if (item > start && units + own > limit()) {
      yield { from: start, to: item, units }
      start = item
      units = 0
    }
    units += own
  }
  if (to > start) yield { from: start, to, units }
}

function unitsOf({ width, text }: SlabItems, item: number): number {
  let units = 0
  for (let number = item * width; number < (item + 1) * width; number++) units += text(number).length
  return units
}

/** Copies the texts of a slab to `memory`, cut into jobs. */
function writeSlab(items: SlabItems, slab: Range, memory: SharedArrayBuffer): JobTexts[] {
  const { width, text: textOf, jobUnits } = items
  const ends = new Uint32Array(memory, 0, (slab.to - slab.from) * width)
  const text = Buffer.from(memory, ends.byteLength)
  const jobs: JobTexts[] = []
  let written = 0
  for (const { from, to } of runsOf(items, slab, () => jobUnits)) {
    const offset = written
    let longest = 0
    for (let item = from; item < to; item++) {
      const before = written
      for (let number = item * width; number < (item + 1) * width; number++) {
        written += text.write(textOf(number), written, 'utf16le')
        ends[number - slab.from * width] = (written - offset) / 2
      }
      longest = Math.max(longest, (written - before) / 2)
    }
    const endsAt = (from - slab.from) * width * 4
    jobs.push({ memory, from, to, endsAt, textAt: ends.byteLength + offset, bytes: written - offset, longest })
  }
  return jobs
}
