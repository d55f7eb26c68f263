import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import { MetricsError } from '../errors'

/** A row of a data file with the line it came from. */
export interface SourceRow {
  readonly line: number
  readonly values: Readonly<Record<string, unknown>>
}

/** Rows that were left out, and why. */
export interface Dropped {
  readonly reason: string
  readonly count: number
  /** Lines or ids of the first few. */
  readonly examples: readonly string[]
}

/**
 * The rows of a `.csv`, `.jsonl` or `.json` file (a list), also with `.gz` behind. A byte order mark is skipped. A column without a
 * header is named `''`.
 *
 * @throws MetricsError `data` naming file and line for a file that is missing, empty or malformed
 */
export async function readRows(path: string): Promise<SourceRow[]> {
  const text = await readText(path)
  const name = path.replace(/\.gz$/, '')
  const rows = name.endsWith('.csv')
    ? csvRows(text, path)
    : name.endsWith('.jsonl')
      ? jsonLines(text, path)
      : jsonList(text, path)
  if (rows.length === 0) throw broken(path, undefined, 'at least one row', 'none', 'Check the file')
  return rows
}

/** The text of a file, unpacked if it ends in `.gz`, without byte order mark. */
export async function readText(path: string): Promise<string> {
  try {
    const bytes = await readFile(path)
    const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
    return text.startsWith('\ufeff') ? text.slice(1) : text
  } catch (cause) {
    throw broken(path, undefined, 'a readable file', String(cause), 'Check the path', cause)
  }
}

function csvRows(text: string, path: string): SourceRow[] {
  try {
    const records = parse(text, {
      columns: true,
      info: true,
      skip_empty_lines: true,
      relax_column_count: false,
    }) as unknown as {
      record: Record<string, string>
      info: { lines: number }
    }[]
    return records.map(({ record, info }) => ({ line: info.lines, values: record }))
  } catch (cause) {
    const { lines, message } = cause as { lines?: number; message: string }
    throw broken(path, lines, 'CSV with one header', message, 'Repair the line', cause)
  }
}

function jsonLines(text: string, path: string): SourceRow[] {
  const rows: SourceRow[] = []
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '') return
    try {
      rows.push({ line: i + 1, values: JSON.parse(line) })
    } catch (cause) {
      throw broken(
        path,
        i + 1,
        'a JSON object',
        `${line.slice(0, 60)} (${(cause as Error).message})`,
        'Repair the line',
        cause,
      )
    }
  })
  return rows
}

function jsonList(text: string, path: string): SourceRow[] {
  try {
    const list: unknown = JSON.parse(text)
    if (!Array.isArray(list)) throw new Error(`a ${typeof list}`)
    return list.map((values, i) => ({ line: i + 1, values }))
  } catch (cause) {
    throw broken(
      path,
      undefined,
      'a JSON list of rows',
      (cause as Error).message,
      'Use .jsonl for one object a line',
      cause,
    )
  }
}

function broken(
  path: string,
  line: number | undefined,
  expected: string,
  got: string,
  advice: string,
  cause?: unknown,
): MetricsError {
  const place = line === undefined ? path : `${path}, line ${line}`
  return new MetricsError('data', `readRows: expected ${expected} in ${place}, got ${got}. ${advice}.`, {
    operation: 'readRows',
    path,
    line,
    cause,
  })
}

/** Collects why rows are left out. */
export function dropLog(): { drop(reason: string, example: string): void; list(): Dropped[] } {
  const reasons = new Map<string, { count: number; examples: string[] }>()
  return {
    drop(reason, example) {
      const entry = reasons.get(reason) ?? { count: 0, examples: [] }
      entry.count++
      if (entry.examples.length < 5) entry.examples.push(example)
      reasons.set(reason, entry)
    },
    list: () => [...reasons].map(([reason, entry]) => ({ reason, ...entry })),
  }
}
