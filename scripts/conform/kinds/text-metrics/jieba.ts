import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { loadJieba } from '@qilin-med/metrics'
import type { Case, Folders, Outcome } from '../../kind'
import { exact, largest, readMetrics, same } from './compare'

interface Row {
  readonly file: string
  readonly row: number
  readonly field: string
  readonly sha256: string
  readonly text?: string
  readonly cut: number[]
  readonly no_hmm: number[]
  readonly search: number[]
}

interface OwnRow {
  readonly text: string
  readonly cut: string[]
  readonly no_hmm: string[]
  readonly search: string[]
  readonly all: string[]
}

/** jieba's words on data rows (whose text may have to be looked up) and on own strings. */
export function jiebaCases({ golden, data }: Folders): Case[] {
  const file = readMetrics<{ rows: Row[]; own: OwnRow[] }>(golden, 'jieba')
  if (file === undefined) return []
  const sources = [...new Set(file.rows.map((row) => row.file))]
  const own = (['cut', 'no_hmm', 'search', 'all'] as const).map((mode) =>
    exact('jieba', `own ${mode}`, async () => ownDifference(file.own, mode)),
  )
  return [
    ...sources.map((source) => ({
      path: 'text/metrics/jieba',
      name: source,
      run: () =>
        rowsOutcome(
          file.rows.filter((row) => row.file === source),
          data,
        ),
    })),
    ...own,
  ]
}

async function ownDifference(rows: readonly OwnRow[], mode: 'cut' | 'no_hmm' | 'search' | 'all'): Promise<number> {
  const jieba = await loadJieba()
  const cut = {
    cut: (text: string) => jieba.cut(text),
    no_hmm: (text: string) => jieba.cut(text, { hmm: false }),
    search: (text: string) => jieba.cutForSearch(text),
    all: (text: string) => jieba.cutAll(text),
  }[mode]
  return largest(rows.map((row) => same(cut(row.text), row[mode])))
}

async function rowsOutcome(rows: readonly Row[], data: string | undefined): Promise<Outcome> {
  const texts = textsOf(rows, data)
  if (texts === undefined) return { skipped: `the data file ${rows[0]!.file} is not there` }
  const jieba = await loadJieba()
  const lengths = (words: readonly string[]): number[] => words.map((word) => [...word].length)
  const found = rows.map((row, i) => {
    const text = texts[i]!
    if (createHash('sha256').update(text).digest('hex').slice(0, 16) !== row.sha256)
      throw new Error(`row ${row.row} of ${row.file} is another text`)
    return largest([
      same(lengths(jieba.cut(text)), row.cut),
      same(lengths(jieba.cut(text, { hmm: false })), row.no_hmm),
      same(jieba.cutForSearch(text), spans(text, row.search)),
    ])
  })
  return { difference: largest(found), tolerance: 0, detail: `${rows.length} rows` }
}

/** The words between the given starts and ends, in code points. */
function spans(text: string, bounds: readonly number[]): string[] {
  const characters = [...text]
  return bounds.flatMap((start, k) => (k % 2 === 0 ? [characters.slice(start, bounds[k + 1]).join('')] : []))
}

/** Texts of the rows: those in the file, or the first 120 code points of the field in the data. */
function textsOf(rows: readonly Row[], data: string | undefined): string[] | undefined {
  if (rows.every((row) => row.text !== undefined)) return rows.map((row) => row.text!)
  const path = data === undefined ? undefined : join(data, rows[0]!.file)
  if (path === undefined || !existsSync(path)) return undefined
  const lines = gunzipSync(readFileSync(path))
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
  return rows.map((row) => [...fieldOf(JSON.parse(lines[row.row]!), row.field)].slice(0, 120).join(''))
}

/** The value at a path such as `conversations[0].value`. */
function fieldOf(record: unknown, path: string): string {
  let value: unknown = record
  for (const key of path.split(/[.[\]]+/).filter((part) => part !== '')) value = (value as Record<string, unknown>)[key]
  return String(value)
}
