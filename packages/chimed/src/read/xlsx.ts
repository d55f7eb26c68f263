import { existsSync } from 'node:fs'
import { ChimedError } from '../errors'
import type { Row } from '../types'
import type { CsvRecord } from './csv'
import type { ReadOptions } from './jsonl'

/** Rows of the first sheet of an XLSX file by the names in its first row. Needs the optional package `exceljs`. */
export async function* readXlsx(path: string, { label = path }: ReadOptions = {}): AsyncGenerator<Row<CsvRecord>> {
  if (!existsSync(path))
    throw new ChimedError('file-missing', `readXlsx: expected a file, got nothing at ${label}. Check the path.`, {
      path: label,
    })
  const { default: excel } = await import('exceljs').catch((cause: unknown) => {
    throw new ChimedError(
      'dependency',
      'readXlsx: expected the package exceljs, got none installed. Run npm install exceljs.',
      { path: label, cause },
    )
  })
  const book = new excel.Workbook()
  try {
    await book.xlsx.readFile(path)
  } catch (cause) {
    throw new ChimedError(
      'file-truncated',
      `readXlsx: expected a spreadsheet, got a file that does not open (${(cause as Error).message}) at ${label}. Fetch it again.`,
      { path: label, cause },
    )
  }
  const sheet = book.worksheets[0]
  if (!sheet)
    throw new ChimedError('file-empty', `readXlsx: expected a sheet, got none in ${label}. Fetch it again.`, {
      path: label,
    })
  const names: string[] = []
  sheet.getRow(1).eachCell((cell, column) => {
    names[column] = cell.text.trim()
  })
  for (let line = 2; line <= sheet.rowCount; line++) {
    const cells = sheet.getRow(line)
    const value: CsvRecord = {}
    for (const [column, name] of names.entries()) if (name) value[name] = cells.getCell(column).text
    if (Object.values(value).some((cell) => cell !== '')) yield { value, file: label, line }
  }
}
