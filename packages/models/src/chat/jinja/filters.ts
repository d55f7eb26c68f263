import { attributeOf, itemOf } from './access'
import { percentFormat } from './format'
import { binaryOperators, compare } from './operators'
import { capitalize, replace, stringMethods, strip } from './strings'
import { jsonText, textOf } from './text'
import {
  asNumber,
  characters,
  type Dict,
  Float,
  firstOf,
  integer,
  isEqual,
  isInteger,
  isNumber,
  isTrue,
  iterate,
  JinjaError,
  type Keywords,
  lengthOf,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values'

/** Looks up filters and tests by name, for filters that apply others. */
export interface Registry {
  filter(name: string, value: Value, positional: readonly Value[], keywords: Keywords): Value
  test(name: string, value: Value, positional: readonly Value[], keywords: Keywords): boolean
}

/** Arguments of a filter in the order of its parameters, undefined where none was given. */
type Given = readonly (Value | undefined)[]

interface Filter {
  readonly parameters: readonly string[]
  apply(value: Value, given: Given): Value
}

const filter = (parameters: string, apply: (value: Value, ...given: (Value | undefined)[]) => Value): Filter => ({
  parameters: parameters === '' ? [] : parameters.split(' '),
  apply: (value, given) => apply(value, ...given),
})

/**
 * Applies a filter by name.
 *
 * @throws JinjaError `TemplateAssertionError` when there is none of that name
 */
export const applyFilter = (
  registry: Registry,
  name: string,
  value: Value,
  positional: readonly Value[],
  keywords: Keywords,
): Value => {
  const choosing = Object.hasOwn(choosers, name) ? choosers[name] : undefined
  if (choosing !== undefined) return choosing(registry, value, positional, keywords)
  const found = Object.hasOwn(filters, name) ? filters[name] : undefined
  if (found === undefined) throw new JinjaError('TemplateAssertionError', `No filter named '${name}'.`)
  const unknown = Object.keys(keywords).find((key) => !found.parameters.includes(key))
  if (unknown !== undefined || positional.length > found.parameters.length)
    throw new JinjaError(
      'TypeError',
      `${name}() got an unexpected ${unknown === undefined ? 'positional' : 'keyword'} argument${unknown === undefined ? '' : ` '${unknown}'`}`,
    )
  return found.apply(
    value,
    found.parameters.map((parameter, i) => firstOf(positional[i], keywords[parameter])),
  )
}

/** Filters that take another filter or a test by name. */
const choosers: Readonly<
  Record<string, (registry: Registry, value: Value, positional: readonly Value[], keywords: Keywords) => Value>
> = {
  map: (registry, value, positional, { attribute, default: fallback, ...keywords }) => {
    if (attribute !== undefined) return iterate(value).map((item) => memberOf(item, attribute, fallback))
    const [name, ...rest] = positional
    if (name === undefined) throw new JinjaError('TypeError', 'map requires a filter argument')
    return iterate(value).map((item) => late(() => registry.filter(textOf(name), item, rest, keywords)))
  },
  select: (registry, value, positional) => chosen(registry, value, undefined, positional, true),
  reject: (registry, value, positional) => chosen(registry, value, undefined, positional, false),
  selectattr: (registry, value, [attribute, ...rest]) => chosen(registry, value, attribute, rest, true),
  rejectattr: (registry, value, [attribute, ...rest]) => chosen(registry, value, attribute, rest, false),
  format: (_, value, positional, keywords) => {
    const named = new Map<Value, Value>(Object.entries(keywords))
    return percentFormat(textOf(value), named.size > 0 ? named : new Tuple(positional))
  },
}

const chosen = (
  registry: Registry,
  value: Value,
  attribute: Value | undefined,
  [test, ...rest]: readonly Value[],
  wanted: boolean,
): Value =>
  iterate(value).filter((item) => {
    const subject = attribute === undefined ? item : memberOf(item, attribute)
    return (
      (test === undefined ? isTrue(subject) : late(() => registry.test(textOf(test), subject, rest, {}))) === wanted
    )
  })

/** A name that only turns up while rendering is an error of another kind. */
const late = <T>(apply: () => T): T => {
  try {
    return apply()
  } catch (error) {
    if (!(error instanceof JinjaError) || error.kind !== 'TemplateAssertionError') throw error
    throw new JinjaError('TemplateRuntimeError', error.message)
  }
}

const filters: Readonly<Record<string, Filter>> = {
  abs: filter('', (value) => (asNumber(number(value)) < 0 ? binaryOperators['-']!(0, value) : value)),
  attr: filter('name', (value, name) => attributeOf(value, textOf(name ?? null))),
  batch: filter('linecount fill_with', (value, size, fill) => batch(iterate(value), index(size), fill)),
  capitalize: filter('', (value) => capitalize(textOf(value))),
  center: filter('width', (value, width = 80) => stringMethods.center!(textOf(value), [width], {})),
  default: filter('default_value boolean', orDefault),
  d: filter('default_value boolean', orDefault),
  dictsort: filter('case_sensitive by reverse', (value, sensitive, by, reverse) =>
    dictSort(value, sensitive, by, reverse),
  ),
  escape: filter('', (value) => escapeHtml(textOf(value))),
  e: filter('', (value) => escapeHtml(textOf(value))),
  first: filter('', (value) => firstOf(iterate(value)[0], new Undefined('No first item, sequence was empty.'))!),
  last: filter('', (value) => firstOf(iterate(value).at(-1), new Undefined('No last item, sequence was empty.'))!),
  float: filter('default', (value, fallback) => toFloat(value, fallback === undefined ? new Float(0) : fallback)),
  forceescape: filter('', (value) => escapeHtml(textOf(value))),
  groupby: filter('attribute default case_sensitive', groupBy),
  indent: filter('width first blank', indent),
  int: filter('default base', (value, fallback = 0, base = 10) => toInteger(value, fallback, index(base))),
  items: filter('', (value) => {
    if (value instanceof Undefined) return []
    return [...dict(value)].map((entry) => new Tuple(entry))
  }),
  join: filter('d attribute', (value, mark = '', attribute) =>
    iterate(value)
      .map((item) => textOf(attribute === undefined ? item : memberOf(item, attribute)))
      .join(textOf(mark)),
  ),
  length: filter('', (value) => lengthOf(value)),
  count: filter('', (value) => lengthOf(value)),
  list: filter('', (value) => [...iterate(value)]),
  lower: filter('', (value) => textOf(value).toLowerCase()),
  upper: filter('', (value) => textOf(value).toUpperCase()),
  max: filter('case_sensitive attribute', (value, sensitive, attribute) => extreme(value, sensitive, attribute, 1)),
  min: filter('case_sensitive attribute', (value, sensitive, attribute) => extreme(value, sensitive, attribute, -1)),
  replace: filter('old new count', (value, old, fresh, count) =>
    replace(
      textOf(value),
      textOf(old ?? null),
      textOf(fresh ?? null),
      count === undefined || count === null ? -1 : index(count),
    ),
  ),
  reverse: filter('', (value) =>
    typeof value === 'string' ? characters(value).reverse().join('') : [...iterate(value)].reverse(),
  ),
  round: filter('precision method', (value, precision = 0, method = 'common') =>
    round(number(value), index(precision), textOf(method)),
  ),
  safe: filter('', (value) => textOf(value)),
  slice: filter('slices fill_with', (value, slices, fill) => slices_(iterate(value), index(slices), fill)),
  sort: filter('reverse case_sensitive attribute', (value, reverse, sensitive, attribute) =>
    sorted(iterate(value), (item) => comparable(item, sensitive, attribute), reverse),
  ),
  string: filter('', (value) => textOf(value)),
  striptags: filter('', (value) =>
    textOf(value)
      .replace(/<!--[\s\S]*?-->|<[^>]*>/g, '')
      .split(/\s+/)
      .filter(Boolean)
      .join(' '),
  ),
  sum: filter('attribute start', (value, attribute, start = 0) =>
    iterate(value).reduce(
      (sum: Value, item) => binaryOperators['+']!(sum, attribute === undefined ? item : memberOf(item, attribute)),
      start,
    ),
  ),
  title: filter('', (value) =>
    textOf(value)
      .split(/([-\s({[<]+)/)
      .map(capitalize)
      .join(''),
  ),
  tojson: filter('ensure_ascii indent separators sort_keys', (value, ascii, indentation, separators, sortKeys) =>
    jsonText(value, {
      ensureAscii: ascii !== undefined && isTrue(ascii),
      indent: levelOf(indentation),
      separators: separators === undefined || separators === null ? undefined : pairOf(separators),
      sortKeys: sortKeys !== undefined && isTrue(sortKeys),
    }),
  ),
  trim: filter('chars', (value, set) => strip(textOf(value), set, true, true)),
  truncate: filter('length killwords end leeway', truncate),
  unique: filter('case_sensitive attribute', (value, sensitive, attribute) => {
    const kept: Value[] = []
    const keys: Value[] = []
    for (const item of iterate(value)) {
      const key = comparable(item, sensitive, attribute)
      if (keys.some((other) => isEqual(other, key))) continue
      keys.push(key)
      kept.push(item)
    }
    return kept
  }),
  urlencode: filter('', (value) => {
    if (typeof value === 'string' || !(value instanceof Map || Array.isArray(value))) return quote(textOf(value), '/')
    const pairs = value instanceof Map ? [...value] : iterate(value).map((pair) => [...iterate(pair)])
    return pairs
      .map((pair) => pair.map((part) => quote(textOf(part ?? null), '').replaceAll('%20', '+')).join('='))
      .join('&')
  }),
  wordcount: filter('', (value) => (textOf(value).match(/[\p{L}\p{M}\p{N}_]+/gu) ?? []).length),
}

/** Item of a value by a dotted path; numbers in it are indexes. */
const memberOf = (value: Value, path: Value, fallback?: Value): Value => {
  const parts = isInteger(path) ? [path] : textOf(path).split('.')
  const member = parts.reduce((current: Value, part) => {
    const found = itemOf(current, typeof part === 'string' && /^\d+$/.test(part) ? Number(part) : part)
    return found instanceof Undefined && fallback !== undefined ? fallback : found
  }, value)
  return member
}

function orDefault(value: Value, fallback: Value = '', boolean: Value = false): Value {
  return value instanceof Undefined || (isTrue(boolean) && !isTrue(value)) ? fallback : value
}

/** A key for sorting: the member asked for, letters of both cases alike unless wanted. */
const comparable = (item: Value, sensitive: Value | undefined, attribute: Value | undefined): Value => {
  const key = attribute === undefined || attribute === null ? item : memberOf(item, attribute)
  return typeof key === 'string' && !isTrue(sensitive ?? false) ? key.toLowerCase() : key
}

const sorted = (items: readonly Value[], keyOf: (item: Value) => Value, reverse: Value | undefined): Value[] => {
  const direction = isTrue(reverse ?? false) ? -1 : 1
  const keyed = items.map((item) => ({ item, key: keyOf(item) }))
  return keyed.sort((a, b) => direction * compare('<', a.key, b.key)).map(({ item }) => item)
}

const dictSort = (
  value: Value,
  sensitive: Value | undefined,
  by: Value | undefined,
  reverse: Value | undefined,
): Value => {
  const position = by === 'value' ? 1 : 0
  const entries = [...dict(value)].map((entry) => new Tuple(entry))
  return sorted(entries, (entry) => comparable((entry as Tuple).items[position]!, sensitive, undefined), reverse)
}

const extreme = (value: Value, sensitive: Value | undefined, attribute: Value | undefined, sign: number): Value => {
  const items = iterate(value)
  if (items.length === 0) return new Undefined('No aggregated item, sequence was empty.')
  const keyOf = (item: Value): Value => comparable(item, sensitive, attribute)
  return items.reduce((best, item) => (sign * compare('<', keyOf(item), keyOf(best)) > 0 ? item : best))
}

function groupBy(
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

const batch = (items: readonly Value[], size: number, fill: Value | undefined): Value => {
  const rows: Value[][] = []
  for (let i = 0; i < items.length; i += size) rows.push(items.slice(i, i + size))
  const last = rows.at(-1)
  if (last !== undefined && fill !== undefined && fill !== null) while (last.length < size) last.push(fill)
  return rows
}

/** Items in a given number of columns; the first ones are longer by one where they do not come out even. */
const slices_ = (items: readonly Value[], count: number, fill: Value | undefined): Value => {
  const each = Math.floor(items.length / count)
  const longer = items.length % count
  return Array.from({ length: count }, (_, i) => {
    const start = i * each + Math.min(i, longer)
    const column = items.slice(start, start + each + (i < longer ? 1 : 0))
    if (fill !== undefined && fill !== null && longer > 0 && i >= longer) column.push(fill)
    return column
  })
}

function indent(value: Value, width: Value = 4, first: Value = false, blank: Value = false): Value {
  const space = typeof width === 'string' ? width : ' '.repeat(index(width))
  const [head, ...rest] = textOf(value).split('\n')
  const shifted = rest.map((line) => (line !== '' || isTrue(blank) ? space + line : line))
  return [(isTrue(first) ? space : '') + head, ...shifted].join('\n')
}

function truncate(
  value: Value,
  length: Value = 255,
  kill: Value = false,
  end: Value = '...',
  leeway: Value = 5,
): Value {
  const all = characters(textOf(value))
  if (all.length <= index(length) + index(leeway)) return textOf(value)
  const kept = all.slice(0, index(length) - characters(textOf(end)).length).join('')
  if (isTrue(kill)) return kept + textOf(end)
  const space = kept.lastIndexOf(' ')
  return (space < 0 ? kept : kept.slice(0, space)) + textOf(end)
}

/** Python's `round`: to the nearest, exact halves to even. */
const round = (value: number | bigint | boolean | Float, precision: number, method: string): Value => {
  if (isInteger(value) && method === 'common' && precision >= 0)
    return typeof value === 'boolean' ? Number(value) : value
  const x = asNumber(value)
  const scale = 10 ** precision
  if (method === 'ceil') return new Float(Math.ceil(x * scale) / scale)
  if (method === 'floor') return new Float(Math.floor(x * scale) / scale)
  if (method !== 'common') throw new JinjaError('TemplateError', 'method must be common, ceil or floor')
  if (precision < 0) return new Float(Math.round(x * scale) / scale)
  const digits = Math.min(precision, 100)
  const nearest = Number(x.toFixed(digits))
  const isHalf = /^50*$/.test(x.toFixed(100).split('.')[1]!.slice(digits))
  if (!isHalf) return new Float(nearest)
  const below = Number((Math.trunc(x * scale) / scale).toFixed(digits))
  return new Float(Math.trunc(x * scale) % 2 === 0 ? below : nearest === below ? below + Math.sign(x) / scale : nearest)
}

const toFloat = (value: Value, fallback: Value): Value => {
  if (isNumber(value)) return new Float(asNumber(value))
  const text = typeof value === 'string' ? value.trim().replaceAll('_', '') : ''
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return new Float(Number(text))
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text)
  if (special === null) return fallback
  return new Float(special[2]!.toLowerCase() === 'nan' ? Number.NaN : special[1] === '-' ? -Infinity : Infinity)
}

const toInteger = (value: Value, fallback: Value, base: number): Value => {
  if (isNumber(value)) return isInteger(value) ? integer(BigInt(value)) : integer(BigInt(Math.trunc(value.value)))
  if (typeof value !== 'string') return fallback
  const text = value.trim().replaceAll('_', '')
  if (base === 10 && /^[+-]?\d+$/.test(text)) return integer(BigInt(text.replace('+', '')))
  if (base !== 10 && /^[+-]?(?:0[xob])?[\da-z]+$/i.test(text)) {
    const parsed = Number.parseInt(text.replace(/^([+-]?)0[xob]/i, '$1'), base)
    return Number.isNaN(parsed) ? fallback : parsed
  }
  const inexact = toFloat(value, null)
  return inexact instanceof Float && Number.isFinite(inexact.value)
    ? integer(BigInt(Math.trunc(inexact.value)))
    : fallback
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&#39;', '"': '&#34;' }

const escapeHtml = (text: string): string => text.replace(/[&<>'"]/g, (character) => escapes[character]!)

const quote = (text: string, kept: string): string =>
  encodeURIComponent(text)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', kept === '/' ? '/' : '%2F')

const levelOf = (value: Value | undefined): string | undefined => {
  if (value === undefined || value === null) return undefined
  return typeof value === 'string' ? value : ' '.repeat(index(value))
}

const pairOf = (value: Value): readonly [string, string] => {
  const [item = ', ', key = ': '] = iterate(value).map(textOf)
  return [item, key]
}

const number = (value: Value): number | bigint | boolean | Float => {
  if (isNumber(value)) return value
  if (value instanceof Undefined) throw value.error()
  throw new JinjaError('TypeError', `must be a number, not ${typeName(value)}`)
}

const index = (value: Value | undefined): number => {
  if (value !== undefined && isInteger(value)) return asNumber(value)
  throw new JinjaError('TypeError', `'${typeName(value ?? null)}' object cannot be interpreted as an integer`)
}

const dict = (value: Value): Dict => {
  if (value instanceof Map) return value
  if (value instanceof Undefined) throw value.error()
  throw new JinjaError('TypeError', 'Can only get item pairs from a mapping.')
}
