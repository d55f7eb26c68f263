import { closeSync, openSync, readFileSync } from 'node:fs'
import type { ChimedRecord } from '../types'
import { readWhole } from './spill'

/** A part of the data on disk: a record a line, and where each line ends. */
export interface Part {
  readonly rows: string
  readonly ends: string
  readonly size: number
  /** 0 for `cpt`, 1 for `sft`, 2 for `dpo`. */
  readonly corpus: number
}

/** Records on their way into a part. */
export interface PartWriter {
  add(record: ChimedRecord): void
  readonly size: number
  /** Bytes so far, about. */
  readonly length: number
  /** The two files of the part. */
  files(): { readonly rows: Uint8Array[]; readonly ends: Uint8Array[] }
}

/** Holds the lines of one part. */
export function partWriter(): PartWriter {
  const lines: Buffer[] = []
  let held: string[] = []
  let heldLength = 0
  let length = 0
  const ends: number[] = []
  const flush = (): void => {
    if (held.length > 0) lines.push(Buffer.from(held.join('')))
    held = []
    heldLength = 0
  }
  return {
    get size() {
      return ends.length
    },
    get length() {
      return length
    },
    add: (record) => {
      const line = `${JSON.stringify(record)}\n`
      held.push(line)
      heldLength += line.length
      length += Buffer.byteLength(line)
      ends.push(length)
      if (heldLength > 1 << 18) flush()
    },
    files: () => {
      flush()
      return { rows: lines, ends: [new Uint8Array(Float64Array.from(ends).buffer)] }
    },
  }
}

/** The records of a part in their order; the part is in memory as bytes. */
export function* readPart({ rows, size }: Part): Generator<ChimedRecord> {
  if (size === 0) return
  const bytes = readFileSync(rows)
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0x0a, start)
    yield JSON.parse(bytes.toString('utf8', start, end)) as ChimedRecord
    start = end + 1
  }
}

/** Reads single records of parts, without reading the parts. */
export interface Looker {
  look(place: { readonly part: number; readonly index: number }): ChimedRecord
  close(): void
}

/** Opens parts as they are asked for; eight bytes a record of memory for those. */
export function looker(parts: readonly Part[]): Looker {
  const open = new Map<number, { readonly file: number; readonly ends: Float64Array }>()
  return {
    look: ({ part, index }) => {
      let found = open.get(part)
      if (!found) {
        const bytes = readFileSync(parts[part]!.ends)
        const ends = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
        open.set(part, (found = { file: openSync(parts[part]!.rows, 'r'), ends }))
      }
      const start = index === 0 ? 0 : found.ends[index - 1]!
      const line = Buffer.allocUnsafe(found.ends[index]! - start)
      readWhole(found.file, line, start)
      return JSON.parse(line.toString()) as ChimedRecord
    },
    close: () => {
      for (const { file } of open.values()) closeSync(file)
      open.clear()
    },
  }
}
