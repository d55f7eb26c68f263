import { ChimedError } from '../errors'
import { excerpt, throwFault } from '../faults'
import type { Row } from '../types'
import { malformedMark } from './encoding'
import { encodingFault, type ReadOptions } from './jsonl'
import { openText } from './open'

/** Cells of a CSV row by column name. */
export type CsvRecord = Record<string, string>

/** Options of `readCsv`. */
export interface CsvOptions extends ReadOptions {
  /** Cell separator (default `,`). */
  readonly delimiter?: string | undefined
  /** Column names; the first row of the file when absent. */
  readonly columns?: readonly string[] | undefined
  /** Columns that must be there. */
  readonly required?: readonly string[] | undefined
}

/**
 * Rows of a CSV file in any encoding: quoted cells may hold separators, doubled quotes and line breaks. Trailing columns without
 * a name are left out when empty; a repeated header row, a row with too many or too few cells, an unclosed quote, a NUL byte and
 * bytes that do not decode are reported.
 *
 * @throws ChimedError `column-missing` when a required column is not in the header
 */
export async function* readCsv(path: string, options: CsvOptions = {}): AsyncGenerator<Row<CsvRecord>> {
  const { onFault = throwFault, label = path, required = [] } = options
  let header: Header | undefined = options.columns && headerOf(options.columns)
  for await (const rows of csvCells(path, options)) {
    for (const { cells, line } of rows) {
      if (!header) {
        header = headerOf(cells)
        for (const { reason } of header.doubled) onFault({ code: 'duplicate-column', reason, file: label, line })
        requireColumns('readCsv', header.names, required, label)
        continue
      }
      const fault = rowFault(cells, header)
      if (fault) onFault({ ...fault, file: label, line, excerpt: excerpt(cells.join(',')) })
      else yield { value: record(header, cells), file: label, line }
    }
  }
}

/** The header of a table. */
export interface Header {
  /** Names by position; a column without a name has an empty one. */
  readonly names: readonly string[]
  readonly named: readonly number[]
  readonly doubled: readonly { readonly reason: string }[]
}

/** The header that a row of cells makes; names that occur twice are numbered. */
export function headerOf(cells: readonly string[]): Header {
  const seen = new Map<string, number>()
  const doubled: { reason: string }[] = []
  const names = cells.map((cell) => {
    const name = cell.trim()
    const times = (seen.get(name) ?? 0) + 1
    seen.set(name, times)
    if (name === '' || times === 1) return name
    doubled.push({
      reason: `column "${name}" occurs more than once; occurrence ${times} is read as "${name}_${times}"`,
    })
    return `${name}_${times}`
  })
  return { names, named: names.flatMap((name, index) => (name === '' ? [] : [index])), doubled }
}

/**
 * Stops when a column that is needed is not there.
 *
 * @throws ChimedError `column-missing`
 */
export function requireColumns(
  reader: string,
  names: readonly string[],
  required: readonly string[],
  path: string,
): void {
  const missing = required.filter((name) => !names.includes(name))
  if (missing.length === 0) return
  throw new ChimedError(
    'column-missing',
    `${reader}: expected the columns ${required.join(', ')}, got ${names.filter(Boolean).join(', ')} in ${path}; missing ${missing.join(', ')}. Check the file or its encoding.`,
    { path, line: 1 },
  )
}

function rowFault(cells: readonly string[], { names }: Header): { code: string; reason: string } | undefined {
  for (const cell of cells) {
    if (cell.includes(malformedMark)) return encodingFault
    if (cell.includes('\0')) return { code: 'nul-byte', reason: 'a NUL byte' }
  }
  if (cells.length === names.length)
    return cells.every((cell, index) => cell.trim() === names[index])
      ? { code: 'repeated-header', reason: 'the header again' }
      : undefined
  if (cells.length > names.length && cells.slice(names.length).every((cell) => cell === '')) return undefined
  return { code: 'column-count', reason: `${cells.length} cells where the header has ${names.length}` }
}

function record({ names, named }: Header, cells: readonly string[]): CsvRecord {
  const value: CsvRecord = {}
  for (const index of named) value[names[index]!] = cells[index]!
  return value
}

/** A row of cells and the line it begins at. */
export interface CsvCells {
  readonly cells: string[]
  readonly line: number
}

/** Rows of cells in batches, as they come out of the chunks of the file; blank lines are left out. */
export async function* csvCells(path: string, options: CsvOptions = {}): AsyncGenerator<CsvCells[]> {
  const parser = csvParser(path, options)
  for await (const chunk of openText(path, options)) yield parser.push(chunk)
  yield parser.end()
}

const newline = 10
const carriageReturn = 13

/** A push parser: `push` gives the rows that are complete, `end` what is left. */
export function csvParser(
  path: string,
  { delimiter = ',', onFault = throwFault, label = path, maxRowBytes = 1 << 24 }: CsvOptions = {},
): { push(chunk: string): CsvCells[]; end(): CsvCells[] } {
  const separator = delimiter.charCodeAt(0)
  let text = ''
  let line = 1
  let skipping = false // inside a row that is too long: nothing is held until its line ends

  /** Reads rows from the start of `text`; stops before a row that may go on in the next chunk. */
  function parse(last: boolean): CsvCells[] {
    const rows: CsvCells[] = []
    let at = 0
    while (at < text.length) {
      const row = parseRow(text, at, separator, last)
      if (row === 'unclosed') {
        if (!last && text.length - at <= maxRowBytes) break
        const stop = text.indexOf('\n', at)
        onFault({
          code: 'unclosed-quote',
          reason: 'a quoted cell that is never closed',
          file: label,
          line,
          excerpt: excerpt(text.slice(at, at + 200)),
        })
        at = stop < 0 ? text.length : stop + 1
        line++
        continue
      }
      if (row === 'partial') {
        if (text.length - at <= maxRowBytes) break
        const stop = text.indexOf('\n', at)
        onFault({ code: 'row-too-long', reason: `row is longer than ${maxRowBytes} characters`, file: label, line })
        if (stop < 0) {
          skipping = true
          at = text.length
          break
        }
        at = stop + 1
        line++
        continue
      }
      if (row.cells.length > 1 || row.cells[0] !== '') {
        if (row.end - at > maxRowBytes)
          onFault({ code: 'row-too-long', reason: `row is longer than ${maxRowBytes} characters`, file: label, line })
        else rows.push({ cells: row.cells, line })
      }
      line += row.lines
      at = row.end
    }
    text = text.slice(at)
    return rows
  }

  function afterLine(chunk: string): string {
    const stop = chunk.indexOf('\n')
    skipping = stop < 0
    if (!skipping) line++
    return skipping ? '' : chunk.slice(stop + 1)
  }

  return {
    push: (chunk) => {
      text += skipping ? afterLine(chunk) : chunk
      return parse(false)
    },
    end: () => parse(true),
  }
}

interface ParsedRow {
  readonly cells: string[]
  readonly end: number
  readonly lines: number
}

/** One row of `text` from `at`: its cells, where the next row begins and how many lines it took. */
function parseRow(text: string, at: number, separator: number, last: boolean): ParsedRow | 'unclosed' | 'partial' {
  const cells: string[] = []
  let lines = 1
  for (;;) {
    let cell = ''
    if (text.charCodeAt(at) === 0x22) {
      let from = at + 1
      for (;;) {
        const close = text.indexOf('"', from)
        if (close < 0) return 'unclosed'
        if (close + 1 === text.length && !last) return 'partial'
        cell += text.slice(from, close)
        at = close + 1
        if (text.charCodeAt(at) !== 0x22) break
        cell += '"'
        from = at + 1
      }
      for (let i = cell.indexOf('\n'); i >= 0; i = cell.indexOf('\n', i + 1)) lines++
    }
    const start = at
    let code = text.charCodeAt(at)
    while (code !== separator && code !== newline && code !== carriageReturn && at < text.length)
      code = text.charCodeAt(++at)
    if (at > start) cell += text.slice(start, at)
    cells.push(cell)
    if (at >= text.length) return last ? { cells, end: at, lines } : 'partial'
    if (code === separator) {
      at++
      continue
    }
    if (code === carriageReturn) {
      if (at + 1 >= text.length && !last) return 'partial'
      return { cells, end: text.charCodeAt(at + 1) === newline ? at + 2 : at + 1, lines }
    }
    return { cells, end: at + 1, lines }
  }
}
