/** A field as trimmed text: the first non-empty text of a (nested) list, numbers as digits, `nan`, null and objects as ''. */
export function text(value: unknown): string {
  if (typeof value === 'string') return isMissing(value) ? '' : value.trim()
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : ''
  if (Array.isArray(value)) return texts(value)[0] ?? ''
  return ''
}

/** All non-empty texts of a field, nested lists flattened. */
export function texts(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(texts)
  const one = text(value)
  return one === '' ? [] : [one]
}

/** A cell that stands for nothing: empty, or `nan` as pandas writes it. */
export const isMissing = (value: string): boolean => /^\s*(nan|NaN|None|null)?\s*$/.test(value)

/** The first field among `names` that holds text. */
export function firstOf(record: Readonly<Record<string, unknown>>, ...names: readonly string[]): string {
  for (const name of names) {
    const value = text(record[name])
    if (value !== '') return value
  }
  return ''
}

/** Entries of a cell that lists several: split at `separator`, trimmed, without the crawler's `[详细]` and repeated entries. */
export function listCell(cell: unknown, separator: RegExp): string[] {
  const entries = text(cell)
    .replace(/\s*\[详细\]\s*/g, ' ')
    .split(separator)
    .map((entry) => entry.trim())
  return [...new Set(entries.filter((entry) => entry !== ''))]
}
