import { isUtf8 } from 'node:buffer'
import { excerpt, throwFault } from '../faults'
import type { Fault, OnFault, Row } from '../types'
import { utf8Decoder } from './decode'
import { type OpenOptions, openUtf8 } from './open'

/** Options of the row readers. */
export interface ReadOptions extends OpenOptions {
  /** Receives every row that could not be read; without it the first such row is an error. */
  readonly onFault?: OnFault | undefined
  /** Name of the file in rows and messages; the path as given when absent. */
  readonly label?: string | undefined
  /** Longer lines and cells are left out and reported (default 16 MiB). */
  readonly maxRowBytes?: number | undefined
}

/** Bytes of whole lines; `line` is the number of the first one. */
export interface LineBlock {
  readonly bytes: Buffer
  readonly line: number
}

/**
 * Whole lines of a UTF-8 stream in blocks; the last block may lack its line break. A line longer than `maxRowBytes` is reported
 * to `onFault` and never held in memory.
 */
export async function* lineBlocks(
  chunks: AsyncIterable<Buffer>,
  { maxRowBytes = 1 << 24, onFault = throwFault, label = '' }: ReadOptions = {},
): AsyncGenerator<LineBlock> {
  let line = 1
  let held: Buffer[] = []
  let heldBytes = 0
  let skipping = false
  for await (const chunk of chunks) {
    let start = 0
    const end = chunk.lastIndexOf(0x0a) + 1
    if (skipping && end > 0) {
      start = chunk.indexOf(0x0a) + 1
      skipping = false
      line++
    }
    if (end > start) {
      const bytes = heldBytes > 0 ? Buffer.concat([...held, chunk.subarray(start, end)]) : chunk.subarray(start, end)
      yield { bytes, line }
      line += count(bytes, 0x0a)
      held = []
      heldBytes = 0
    }
    if (skipping || end === chunk.length) continue
    held.push(chunk.subarray(Math.max(start, end)))
    heldBytes += chunk.length - Math.max(start, end)
    if (heldBytes > maxRowBytes) {
      onFault({
        code: 'row-too-long',
        reason: `line is longer than ${maxRowBytes} bytes`,
        file: label,
        line,
        excerpt: excerpt(held[0]!.toString('utf8', 0, 200)),
      })
      held = []
      heldBytes = 0
      skipping = true
    }
  }
  if (heldBytes > 0) yield { bytes: Buffer.concat(held), line }
}

/** Rows of a JSONL file: one JSON value a line, blank lines skipped, broken lines reported. Memory does not grow with the file. */
export async function* readJsonl<T = unknown>(path: string, options: ReadOptions = {}): AsyncGenerator<Row<T>> {
  const { onFault = throwFault, label = path } = options
  const decode = utf8Decoder()
  for await (const block of lineBlocks(openUtf8(path, options), { ...options, label })) {
    const lines = isUtf8(block.bytes) ? textLines(decode(block.bytes)) : byteLines(block.bytes)
    let line = block.line - 1
    for (const { text, malformed } of lines) {
      line++
      if (isBlank(text)) continue
      const value = malformed ? { fault: encodingFault } : parseJson<T>(text)
      if (value.fault) onFault({ ...value.fault, file: label, line, excerpt: excerpt(text) })
      else yield { value: value.value as T, file: label, line }
    }
  }
}

/** A line without its break. */
export interface Line {
  readonly text: string
  /** True when its bytes are not valid UTF-8. */
  readonly malformed: boolean
}

function* textLines(text: string): Generator<Line> {
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start)
    const end = newline < 0 ? text.length : newline
    yield { text: text.slice(start, end), malformed: false }
    start = end + 1
  }
}

/** The lines of a block, where some may not be valid. */
export function* byteLines(bytes: Buffer): Generator<Line> {
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, start)
    const row = bytes.subarray(start, newline < 0 ? bytes.length : newline)
    yield { text: row.toString(), malformed: !isUtf8(row) }
    start += row.length + 1
  }
}

/** Why a row could not be read. */
export type RowFault = Pick<Fault, 'code' | 'reason'>

/** The fault of a row with malformed bytes. */
export const encodingFault: RowFault = {
  code: 'encoding',
  reason: 'bytes that are not valid in the encoding of the file',
}

/** The parsed value, or why the text is no JSON. */
export function parseJson<T>(text: string): { readonly value?: T | undefined; readonly fault?: RowFault | undefined } {
  try {
    return { value: JSON.parse(text) as T }
  } catch (error) {
    return { fault: { code: 'json', reason: `not JSON (${(error as Error).message})` } }
  }
}

/** Number of bytes equal to `byte`. */
export function count(bytes: Buffer, byte: number): number {
  let found = 0
  for (let at = bytes.indexOf(byte); at >= 0; at = bytes.indexOf(byte, at + 1)) found++
  return found
}

const isBlank = (text: string): boolean => text.length === 0 || (text.charCodeAt(0) <= 0x20 && text.trim() === '')
