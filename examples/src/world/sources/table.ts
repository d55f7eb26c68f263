import { csv, gb18030Encoder, jsonLines, utf8, utf8Bom } from '../encode'
import type { Random } from '../random'
import type { WordingDeck } from '../texts'
import type { World } from '../world'

/** Rows of one raw file, before they are written; planted duplicates and leaks are added here. */
export interface RawTable<Row = unknown> {
  /** Path inside the data folder, with slashes. */
  readonly path: string
  /** Sub-dataset, named as in the tables of the paper; `evaluation` and `knowledge base` for the rest. */
  readonly dataset: string
  /** Tables of the paper (1 CPT, 2 SFT, 3 DPO) that name this sub-dataset. */
  readonly tables: readonly (1 | 2 | 3)[]
  readonly format: string
  readonly encoding: 'utf-8' | 'utf-8-bom' | 'gb18030'
  readonly rows: readonly Row[]
  encode(rows: readonly Row[]): Uint8Array
}

/** What every source draws from. `deck` is shared, so that all sources together tell a fact in all wordings. */
export interface SourceContext {
  readonly world: World
  readonly rng: Random
  readonly deck: WordingDeck
}

type Head = Pick<RawTable, 'path' | 'dataset' | 'tables'>

/** A file with one JSON object a line. */
export function jsonLinesTable<Row>(head: Head, rows: readonly Row[]): RawTable<Row> {
  return { ...head, format: 'jsonl', encoding: 'utf-8', rows, encode: (all) => utf8(jsonLines(all)) }
}

/** A file with one JSON array, a row a line. */
export function jsonArrayTable<Row>(head: Head, rows: readonly Row[]): RawTable<Row> {
  const encode = (all: readonly Row[]): Uint8Array =>
    utf8(`[\n${all.map((row) => JSON.stringify(row)).join(',\n')}\n]\n`)
  return { ...head, format: 'json', encoding: 'utf-8', rows, encode }
}

/** A plain text file; a row is a line, or a block of lines. */
export function textTable(head: Head, rows: readonly string[]): RawTable<string> {
  return {
    ...head,
    format: 'text',
    encoding: 'utf-8',
    rows,
    encode: (all) => utf8(all.map((row) => `${row}\n`).join('')),
  }
}

/** A CSV file in UTF-8 with a byte order mark. */
export function csvBomTable(head: Head, columns: readonly string[], rows: readonly string[][]): RawTable<string[]> {
  const encode = (all: readonly string[][]): Uint8Array => utf8Bom(csv([columns, ...all]))
  return { ...head, format: 'csv', encoding: 'utf-8-bom', rows, encode }
}

/** A CSV file in GB18030. */
export function csvGbTable(
  head: Head,
  columns: readonly string[],
  rows: readonly string[][],
  lineEnd = '\n',
): RawTable<string[]> {
  const encode = (all: readonly string[][]): Uint8Array => gb18030Encoder()(csv([columns, ...all], lineEnd))
  return { ...head, format: 'csv', encoding: 'gb18030', rows, encode }
}
