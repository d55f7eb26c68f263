import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { ChimedError } from '../errors'
import type { Row } from '../types'
import { type CsvOptions, requireColumns } from './csv'
import { requireFile } from './open'

/**
 * Rows of a Parquet file, one row group in memory at a time; `line` is the row number from 1.
 *
 * @throws ChimedError `column-missing`, `file-missing`, `file-empty`, `file-truncated`
 */
export async function* readParquet<T = Record<string, unknown>>(
  path: string,
  { label = path, required = [] }: CsvOptions = {},
): AsyncGenerator<Row<T>> {
  requireFile(path, 'readParquet')
  const opened = await openParquet(path, label)
  const columns = parquetSchema(opened.metadata).children.map(({ element }) => element.name)
  requireColumns('readParquet', columns, required, label)
  let rowStart = 0
  for (const group of opened.metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows)
    let rows: Record<string, unknown>[]
    try {
      rows = await parquetReadObjects({ ...opened, compressors, rowStart, rowEnd })
    } catch (cause) {
      throw damaged(label, cause)
    }
    for (const [index, value] of rows.entries())
      yield { value: plain(value) as T, file: label, line: rowStart + index + 1 }
    rowStart = rowEnd
  }
}

type Opened = {
  readonly file: Awaited<ReturnType<typeof asyncBufferFromFile>>
  readonly metadata: Awaited<ReturnType<typeof parquetMetadataAsync>>
}

async function openParquet(path: string, label: string): Promise<Opened> {
  let file: Opened['file']
  try {
    file = await asyncBufferFromFile(path)
  } catch (cause) {
    throw new ChimedError(
      'file-missing',
      `readParquet: expected a file, got nothing readable at ${label}. Check the path.`,
      { path: label, cause },
    )
  }
  try {
    return { file, metadata: await parquetMetadataAsync(file) }
  } catch (cause) {
    throw damaged(label, cause)
  }
}

const damaged = (path: string, cause: unknown): ChimedError =>
  new ChimedError(
    'file-truncated',
    `readParquet: expected a whole Parquet file, got a damaged one (${(cause as Error).message}) at ${path}. Fetch it again.`,
    { path, cause },
  )

/** BigInt counts become numbers, so that rows look like those of the other formats. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object' || value instanceof Date || ArrayBuffer.isView(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}
