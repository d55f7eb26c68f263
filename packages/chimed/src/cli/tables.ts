import type { BuildReport } from '../build-report'
import type { LengthHistogram, SourceStatistics } from '../statistics'

/** A table of text: columns as wide as they need to be, numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number | undefined)[])[]): string {
  const cells = [head, ...rows.map((row) => row.map((cell) => (cell === undefined ? '–' : String(cell))))]
  const widths = head.map((_, column) => Math.max(...cells.map((row) => width(row[column] ?? ''))))
  const numeric = head.map((_, column) => rows.every((row) => typeof row[column] !== 'string'))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const blanks = ' '.repeat(widths[column]! - width(cell))
        return numeric[column] ? blanks + cell : cell + blanks
      })
      .join('  ')
      .trimEnd()
  return `${[line(cells[0]!), widths.map((size) => '-'.repeat(size)).join('  '), ...cells.slice(1).map(line)].join('\n')}\n`
}

/** Columns of a terminal that a text takes: Chinese characters take two. */
const width = (text: string): number =>
  [...text].reduce(
    (sum, character) =>
      sum +
      (/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(character)
        ? 2
        : 1),
    0,
  )

const counts = (reasons: Readonly<Record<string, number>>): string =>
  Object.entries(reasons)
    .map(([code, count]) => `${code} ${count}`)
    .join(', ')

/** Tables of a build: sources, and what each step left out. */
export function buildTables({ sources, totals, steps, tokens, files }: BuildReport): string {
  const sourceTable = table(
    ['corpus', 'source', 'read', 'samples', 'tokens', 'bytes', 'left out while reading'],
    [
      ...sources.map((row) => [
        row.corpus,
        row.source,
        row.read,
        row.samples,
        row.tokens,
        row.bytes,
        counts(row.faults),
      ]),
      ...totals.map((row) => [row.corpus, `total ${row.split}`, undefined, row.samples, row.tokens, row.bytes, '']),
    ],
  )
  const stepRows = Object.entries(steps).flatMap(([corpus, list]) =>
    list
      .filter(({ input }) => input > 0)
      .map(({ name, input, output, dropped, changed }) => [
        corpus,
        name,
        input,
        output,
        counts(dropped),
        counts(changed),
      ]),
  )
  const stepTable =
    stepRows.length === 0 ? '' : `\n${table(['corpus', 'step', 'in', 'out', 'left out', 'changed'], stepRows)}`
  const tokenTable = tokens
    ? `\n${table(
        ['corpus', 'split', 'rows', 'tokens', 'records without a row'],
        tokens.map((row) => [row.corpus, row.split, row.rows, row.tokens, counts(row.records.dropped)]),
      )}`
    : ''
  const fileList = files.length === 0 ? '' : `\nWritten: ${files.join(', ')}\n`
  return sourceTable + stepTable + tokenTable + fileList
}

/** Statistics and lengths of files. */
export const statisticsTables = (rows: readonly SourceStatistics[], lengths: readonly LengthHistogram[]): string =>
  table(
    ['corpus', 'source', 'split', 'samples', 'tokens', 'bytes', 'multi-turn'],
    rows.map((row) => [
      row.corpus,
      row.source,
      row.split,
      row.samples,
      row.tokens,
      row.bytes,
      row.multiTurn === undefined ? undefined : `${(row.multiTurn * 100).toFixed(1)}%`,
    ]),
  ) +
  lengths
    .map(({ corpus, unit, bins }) => {
      const most = Math.max(...bins.map(([, count]) => count))
      const bars = bins.map(([from, count]) => [
        `${from}–${Math.max(from, from * 2 - 1)}`,
        count,
        '#'.repeat(Math.ceil((40 * count) / most)),
      ])
      return `\n${corpus}, ${unit}\n${table(['from–to', 'samples', ''], bars)}`
    })
    .join('')
