import { ChimedError } from '../errors'
import { throwFault } from '../faults'
import type { Row } from '../types'
import { type CsvOptions, type CsvRecord, headerOf, requireColumns } from './csv'
import { requireFile } from './open'

/**
 * Rows of the first sheet of an XLSX file by the names in its first row, cells as their text; columns without a name (as the row numbers that pandas
 * writes) are left out. Needs the optional package `exceljs`; the sheet is held in memory.
 *
 * @throws ChimedError `column-missing`, `file-missing`, `file-empty`, `file-truncated`, `dependency`
 */
export async function* readXlsx(path: string, options: CsvOptions = {}): AsyncGenerator<Row<CsvRecord>> {
  const { label = path, onFault = throwFault, required = [] } = options
  requireFile(path, 'readXlsx')
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
  const titles: string[] = []
  sheet.getRow(1).eachCell((cell, column) => {
    titles[column - 1] = cell.text
  })
  const header = headerOf(Array.from(titles, (title) => title ?? ''))
  for (const { reason } of header.doubled) onFault({ code: 'duplicate-column', reason, file: label, line: 1 })
  requireColumns('readXlsx', header.names, required, label)
  for (let line = 2; line <= sheet.rowCount; line++) {
    const cells = sheet.getRow(line)
    const value: CsvRecord = {}
    for (const index of header.named) value[header.names[index]!] = cells.getCell(index + 1).text
    if (Object.values(value).some((cell) => cell !== '')) yield { value, file: label, line }
  }
}
