import { ChimedError } from '../errors'
import type { Row } from '../types'
import { type CsvOptions, readCsv } from './csv'
import { readJson } from './json'
import { readJsonl } from './jsonl'
import { readParquet } from './parquet'
import { readLines } from './text'
import { readXlsx } from './xlsx'

/** Formats that `readRows` knows. */
export type RowFormat = 'jsonl' | 'json' | 'csv' | 'tsv' | 'parquet' | 'xlsx' | 'text'

const formats: Readonly<Record<string, RowFormat>> = {
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'json',
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.parquet': 'parquet',
  '.xlsx': 'xlsx',
  '.txt': 'text',
}

/**
 * The format that the name of a file speaks for; `.gz` and `.zst` are looked through.
 *
 * @throws ChimedError `file-format` for other names
 */
export function formatOf(path: string): RowFormat {
  const name = path.toLowerCase().replace(/\.(gz|zst)$/, '')
  const format = formats[name.slice(name.lastIndexOf('.'))]
  if (!format)
    throw new ChimedError(
      'file-format',
      `readRows: expected a name ending in ${Object.keys(formats).join(', ')} (perhaps packed as .gz or .zst), got ${path}. Pass format.`,
      { path },
    )
  return format
}

/** Rows of a file in the format its name speaks for, or in `format`. Memory does not grow with the file (except XLSX). */
export function readRows<T = unknown>(
  path: string,
  { format = formatOf(path), ...options }: CsvOptions & { readonly format?: RowFormat | undefined } = {},
): AsyncGenerator<Row<T>> {
  const readers: Record<RowFormat, () => AsyncGenerator<Row<unknown>>> = {
    jsonl: () => readJsonl(path, options),
    json: () => readJson(path, options),
    csv: () => readCsv(path, options),
    tsv: () => readCsv(path, { delimiter: '\t', ...options }),
    parquet: () => readParquet(path, options),
    xlsx: () => readXlsx(path, options),
    text: () => readLines(path, options),
  }
  return readers[format]() as AsyncGenerator<Row<T>>
}
