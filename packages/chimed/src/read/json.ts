import { isUtf8 } from 'node:buffer'
import { ChimedError } from '../errors'
import { excerpt, throwFault } from '../faults'
import type { Row } from '../types'
import { encodingFault, parseJson, type ReadOptions, type RowFault, readJsonl } from './jsonl'
import { openUtf8 } from './open'

/** A row of a JSON file that groups its rows by key (`{ "Unfairness": [...], ... }`) carries that key. */
export interface GroupedRow<T> extends Row<T> {
  readonly group?: string | undefined
}

/**
 * Rows of a `.json` file in any of the layouts in use: one array of records, records one after another (also one a line, as
 * `medical.json` of the Xywy knowledge graph), or one object whose values are arrays of records. An array is read as a stream.
 *
 * @throws ChimedError `file-truncated` when the file ends inside a value, `file-format` when it does not begin with one
 */
export async function* readJson<T = unknown>(path: string, options: ReadOptions = {}): AsyncGenerator<GroupedRow<T>> {
  if (await holdsLines(path, options)) {
    yield* readJsonl<T>(path, options)
    return
  }
  const { onFault = throwFault, label = path } = options
  let row = 0
  for await (const { text, valid, line, inArray, fault: broken } of jsonValues(path, options)) {
    const { value, fault } = broken
      ? { value: undefined, fault: broken }
      : valid
        ? parseJson<T>(text)
        : { value: undefined, fault: encodingFault }
    if (fault) onFault({ ...fault, file: label, line, excerpt: excerpt(text) })
    else if (!inArray && isGrouped(value)) {
      for (const [group, items] of Object.entries(value))
        for (const item of items) yield { value: item as T, file: label, line: ++row, group }
    } else yield { value: value as T, file: label, line }
  }
}

const isGrouped = (value: unknown): value is Record<string, unknown[]> =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).length > 0 &&
  Object.values(value).every((item) => Array.isArray(item) && item.every((x) => typeof x === 'object'))

/** True when the first line of the file is an object of its own and more follows. */
async function holdsLines(path: string, options: ReadOptions): Promise<boolean> {
  for await (const chunk of openUtf8(path, options)) {
    const newline = chunk.indexOf(0x0a)
    const line = chunk.toString('utf8', 0, newline < 0 ? 0 : newline).trim()
    return (
      line.startsWith('{') &&
      line.endsWith('}') &&
      parseJson(line).fault === undefined &&
      chunk.toString('utf8', newline).trim() !== ''
    )
  }
  return false
}

interface JsonText {
  readonly text: string
  /** False when its bytes are no UTF-8. */
  readonly valid: boolean
  readonly line: number
  readonly inArray: boolean
  /** Why this is no record: an element of an array that is longer than `maxRowBytes`, or what follows the end. Its text is the beginning. */
  readonly fault?: RowFault | undefined
}

const quote = 0x22
const backslash = 0x5c
const newlineByte = 0x0a

const decoded = (bytes: Buffer): Pick<JsonText, 'text' | 'valid'> => ({ text: bytes.toString(), valid: isUtf8(bytes) })

/** How much of a record that is too long is kept for a message. */
const excerptBytes = 400

/** Texts of the records of a JSON stream: the elements of a top-level array, or the top-level values themselves. */
async function* jsonValues(path: string, options: ReadOptions): AsyncGenerator<JsonText> {
  const { maxRowBytes = 1 << 26, label = path } = options
  let bytes: Buffer = Buffer.alloc(0)
  let at = 0
  let start = -1
  let startLine = 1
  let line = 1
  let depth = 0
  let base = 0 // depth at which records lie: 1 inside a top-level array
  let inString = false
  let seen = false
  let head: Buffer | undefined // beginning of a record that is too long to be held
  const record = (end: number, inArray: boolean): JsonText => {
    const value = { ...decoded(head ?? bytes.subarray(start, end)), line: startLine, inArray }
    const isLong = head !== undefined || end - start > maxRowBytes
    head = undefined
    start = -1
    if (!isLong) return value
    return { ...value, fault: { code: 'row-too-long', reason: `record is longer than ${maxRowBytes} bytes` } }
  }
  for await (const chunk of openUtf8(path, options)) {
    if (start >= 0 && !head && bytes.length - start > maxRowBytes) {
      if (base === 0)
        throw new ChimedError(
          'file-format',
          `readJson: expected records below ${maxRowBytes} bytes, got a longer one at ${label}:${startLine}. Raise maxRowBytes, or split the file into lines.`,
          { path: label, line: startLine },
        )
      head = Buffer.from(bytes.subarray(start, start + excerptBytes))
    }
    const from = start >= 0 && !head ? start : at
    bytes = from < bytes.length ? Buffer.concat([bytes.subarray(from), chunk]) : chunk
    at -= from
    if (start >= 0) start = 0
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!
      if (byte === newlineByte) line++
      if (inString) {
        if (byte === backslash) {
          if (at + 1 >= bytes.length) break
          at++
        } else if (byte === quote) {
          inString = false
          if (depth === base && start >= 0) yield record(at + 1, base === 1)
        }
        continue
      }
      if (byte <= 0x20) continue
      if (!seen) {
        seen = true
        if (byte === 0x5b) {
          base = depth = 1
          continue
        }
        if (byte !== 0x7b)
          throw new ChimedError(
            'file-format',
            `readJson: expected a JSON array or object, got "${excerpt(bytes.toString('utf8', at, at + 20), 20)}" at ${label}:${line}. Check the format of the file.`,
            { path: label, line },
          )
      }
      const closes = byte === 0x7d || byte === 0x5d
      if ((depth < base && byte !== 0x5b && byte !== 0x2c) || (depth === 0 && closes)) {
        const text = bytes.toString('utf8', at, at + excerptBytes)
        yield { text, valid: true, line, inArray: true, fault: { code: 'json', reason: 'text after the end' } }
        return
      }
      if (depth === base && start < 0 && byte !== 0x2c && !closes) {
        start = at
        startLine = line
      }
      if (byte === quote) inString = true
      else if (byte === 0x7b || byte === 0x5b) depth++
      else if (closes) {
        const scalarEnd = depth === base && start >= 0
        depth--
        if (scalarEnd) yield record(at, true)
        else if (depth === base && start >= 0) yield record(at + 1, base === 1)
        if (depth <= base) start = -1
      } else if (byte === 0x2c && depth === base && start >= 0) yield record(at, true)
    }
  }
  if (!seen)
    throw new ChimedError('file-empty', `readJson: expected records, got an empty file ${label}. Fetch it again.`, {
      path: label,
    })
  if (depth > 0 || start >= 0)
    throw new ChimedError(
      'file-truncated',
      `readJson: expected a closed JSON value, got the end of the file inside the record that begins at ${label}:${startLine}. Fetch it again.`,
      { path: label, line: startLine },
    )
}
