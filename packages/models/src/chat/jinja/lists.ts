import { itemOf } from './access'
import { compare } from './operators'
import { textOf } from './text'
import { type Dict, isEqual, isInteger, isTrue, iterate, JinjaError, Tuple, Undefined, type Value } from './values'

/** Item of a value by a dotted path; numbers in it are indexes. */
export const memberOf = (value: Value, path: Value, fallback?: Value): Value => {
  const parts = isInteger(path) ? [path] : textOf(path).split('.')
  const member = parts.reduce((current: Value, part) => {
    const found = itemOf(current, typeof part === 'string' && /^\d+$/.test(part) ? Number(part) : part)
    return found instanceof Undefined && fallback !== undefined ? fallback : found
  }, value)
  return member
}

/** A key for sorting: the member asked for, letters of both cases alike unless wanted. */
export const comparable = (item: Value, sensitive: Value | undefined, attribute: Value | undefined): Value => {
  const key = attribute === undefined || attribute === null ? item : memberOf(item, attribute)
  return typeof key === 'string' && !isTrue(sensitive ?? false) ? key.toLowerCase() : key
}

/** Items in the order of their keys; equal ones stay in place. */
export const sorted = (items: readonly Value[], keyOf: (item: Value) => Value, reverse: Value | undefined): Value[] => {
  const direction = isTrue(reverse ?? false) ? -1 : 1
  const keyed = items.map((item) => ({ item, key: keyOf(item) }))
  return keyed.sort((a, b) => direction * compare('<', a.key, b.key)).map(({ item }) => item)
}

/** Pairs of a mapping in the order of their keys or, `by` 'value', of their values. */
export const dictSort = (
  value: Value,
  sensitive: Value | undefined,
  by: Value | undefined,
  reverse: Value | undefined,
): Value => {
  const position = by === 'value' ? 1 : 0
  const entries = [...dict(value)].map((entry) => new Tuple(entry))
  return sorted(entries, (entry) => comparable((entry as Tuple).items[position]!, sensitive, undefined), reverse)
}

/** The item with the largest key (`sign` 1) or the smallest (−1); undefined for none. */
export const extreme = (
  value: Value,
  sensitive: Value | undefined,
  attribute: Value | undefined,
  sign: number,
): Value => {
  const items = iterate(value)
  if (items.length === 0) return new Undefined('No aggregated item, sequence was empty.')
  const keyOf = (item: Value): Value => comparable(item, sensitive, attribute)
  return items.reduce((best, item) => (sign * compare('<', keyOf(item), keyOf(best)) > 0 ? item : best))
}

/** Pairs of a member's value and the items that have it, in the order of the values. */
export function groupBy(
  value: Value,
  attribute: Value | undefined,
  fallback: Value | undefined,
  sensitive: Value | undefined,
): Value {
  const memberFor = (item: Value): Value => memberOf(item, attribute ?? null, fallback)
  const keyOf = (item: Value): Value => comparable(memberFor(item), sensitive, undefined)
  const groups: { key: Value; name: Value; items: Value[] }[] = []
  for (const item of sorted(iterate(value), keyOf, undefined)) {
    const group = groups.at(-1)
    if (group !== undefined && isEqual(group.key, keyOf(item))) group.items.push(item)
    else groups.push({ key: keyOf(item), name: memberFor(item), items: [item] })
  }
  return groups.map(({ name, items }) => new Tuple([name, items]))
}

/** Items in rows of `size`; the last one is filled up where there is something to fill with. */
export const batch = (items: readonly Value[], size: number, fill: Value | undefined): Value => {
  const rows: Value[][] = []
  for (let i = 0; i < items.length; i += size) rows.push(items.slice(i, i + size))
  const last = rows.at(-1)
  if (last !== undefined && fill !== undefined && fill !== null) while (last.length < size) last.push(fill)
  return rows
}

/** Items in a given number of columns; the first ones are longer by one where they do not come out even. */
export const slices = (items: readonly Value[], count: number, fill: Value | undefined): Value => {
  const each = Math.floor(items.length / count)
  const longer = items.length % count
  return Array.from({ length: count }, (_, i) => {
    const start = i * each + Math.min(i, longer)
    const column = items.slice(start, start + each + (i < longer ? 1 : 0))
    if (fill !== undefined && fill !== null && longer > 0 && i >= longer) column.push(fill)
    return column
  })
}

/** The value as a mapping. @throws JinjaError `TypeError` for anything else */
export const dict = (value: Value): Dict => {
  if (value instanceof Map) return value
  if (value instanceof Undefined) throw value.error()
  throw new JinjaError('TypeError', 'Can only get item pairs from a mapping.')
}
