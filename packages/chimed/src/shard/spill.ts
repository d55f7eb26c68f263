import { closeSync, openSync, readSync } from 'node:fs'

/** Entries under way to their buckets: rows of `stride` numbers, kept in one growing array. */
export interface Spill {
  add(row: ArrayLike<number>, bucket: number): void
  /** The file: how many rows each bucket has, then the rows by bucket, in the order they came. */
  bytes(): Uint8Array[]
  readonly size: number
}

/** A spill for `buckets` buckets. Memory: the rows twice while `bytes` runs. */
export function spill(stride: number, buckets: number): Spill {
  let rows = new Uint32Array(1024 * stride)
  let of = new Uint32Array(1024)
  const counts = new Uint32Array(buckets)
  let size = 0
  return {
    get size() {
      return size
    },
    add: (row, bucket) => {
      if (size === of.length) {
        rows = grown(rows)
        of = grown(of)
      }
      const at = size * stride
      for (let word = 0; word < stride; word++) rows[at + word] = row[word]!
      of[size++] = bucket
      counts[bucket]!++
    },
    bytes: () => {
      const next = new Uint32Array(buckets)
      for (let bucket = 1; bucket < buckets; bucket++) next[bucket] = next[bucket - 1]! + counts[bucket - 1]!
      const sorted = new Uint32Array(size * stride)
      for (let row = 0; row < size; row++) {
        const to = next[of[row]!]!++ * stride
        for (let word = 0, from = row * stride; word < stride; word++) sorted[to + word] = rows[from + word]!
      }
      return [new Uint8Array(counts.buffer), new Uint8Array(sorted.buffer)]
    },
  }
}

function grown(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2)
  larger.set(array)
  return larger
}

/** The bucket of a well mixed number. */
export const bucketOf = (word: number, buckets: number): number => Math.floor((word / 2 ** 32) * buckets)

/** The rows of one bucket of a spill file. */
export function readSpill(
  path: string,
  { bucket, buckets, stride }: { readonly bucket: number; readonly buckets: number; readonly stride: number },
): Uint32Array {
  const file = openSync(path, 'r')
  try {
    const counts = new Uint32Array(buckets)
    readWhole(file, new Uint8Array(counts.buffer), 0)
    let before = 0
    for (let other = 0; other < bucket; other++) before += counts[other]!
    const rows = new Uint32Array(counts[bucket]! * stride)
    readWhole(file, new Uint8Array(rows.buffer), buckets * 4 + before * stride * 4)
    return rows
  } finally {
    closeSync(file)
  }
}

/** Fills `bytes` from a place of a file. */
export function readWhole(file: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) {
    const read = readSync(file, bytes, at, bytes.length - at, position + at)
    if (read === 0) throw new Error(`expected ${bytes.length} bytes at ${position}, got ${at}`)
    at += read
  }
}
