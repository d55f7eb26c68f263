import { attributeOf } from './access'
import { percentFormat } from './format'
import { batch, comparable, dict, dictSort, extreme, groupBy, memberOf, slices, sorted } from './lists'
import { index, number, round, toFloat, toInteger } from './numbers'
import { binaryOperators } from './operators'
import { capitalize, replace, stringMethods, strip } from './strings'
import { jsonText, textOf } from './text'
import {
  asNumber,
  characters,
  Float,
  firstOf,
  isEqual,
  isTrue,
  iterate,
  JinjaError,
  type Keywords,
  lengthOf,
  Tuple,
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
  slice: filter('slices fill_with', (value, count, fill) => slices(iterate(value), index(count), fill)),
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

function orDefault(value: Value, fallback: Value = '', boolean: Value = false): Value {
  return value instanceof Undefined || (isTrue(boolean) && !isTrue(value)) ? fallback : value
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
