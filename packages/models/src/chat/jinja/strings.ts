import { braceFormat } from './format'
import { textOf } from './text'
import {
  asNumber,
  characters,
  isInteger,
  iterate,
  JinjaError,
  type Keywords,
  Tuple,
  typeName,
  type Value,
} from './values'

/** What Python's string methods count as white space. */
const spaces = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
const leading = new RegExp(`^[${spaces}]+`)
const trailing = new RegExp(`[${spaces}]+$`)
const runs = new RegExp(`[${spaces}]+`)

/** What ends a line for Python. */
const breaks = '\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029'
const lineEnd = new RegExp(`(?:\\r\\n|[${breaks}])$`)
const line = new RegExp(`[^${breaks}]*(?:\\r\\n|[${breaks}]|$)`, 'g')

type Method = (text: string, positional: readonly Value[], keywords: Keywords) => Value

/** Methods of strings, as Python has them. */
export const stringMethods: Readonly<Record<string, Method>> = {
  upper: (text) => text.toUpperCase(),
  lower: (text) => text.toLowerCase(),
  casefold: (text) => text.toLowerCase(),
  title: (text) => titleCase(text),
  capitalize: (text) => capitalize(text),
  swapcase: (text) =>
    characters(text)
      .map((c) => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase()))
      .join(''),
  strip: (text, [set]) => strip(text, set, true, true),
  lstrip: (text, [set]) => strip(text, set, true, false),
  rstrip: (text, [set]) => strip(text, set, false, true),
  split: (text, [separator, limit], { sep, maxsplit }) =>
    split(text, separator ?? sep ?? null, count(limit ?? maxsplit)),
  rsplit: (text, [separator, limit], { sep, maxsplit }) =>
    split(reversed(text), reversedOf(separator ?? sep ?? null), count(limit ?? maxsplit))
      .map((part) => reversed(String(part)))
      .reverse(),
  splitlines: (text, [keep], { keepends }) => splitLines(text, (keep ?? keepends) === true),
  partition: (text, [separator]) => {
    const at = text.indexOf(string(separator))
    return at < 0 ? new Tuple([text, '', '']) : new Tuple(around(text, at, string(separator)))
  },
  rpartition: (text, [separator]) => {
    const at = text.lastIndexOf(string(separator))
    return at < 0 ? new Tuple(['', '', text]) : new Tuple(around(text, at, string(separator)))
  },
  join: (text, [items]) =>
    iterate(items ?? null)
      .map((item, i) => {
        if (typeof item === 'string') return item
        throw new JinjaError('TypeError', `sequence item ${i}: expected str instance, ${typeName(item)} found`)
      })
      .join(text),
  replace: (text, [from, to, limit], keywords) =>
    replace(text, string(from), string(to), count(limit ?? keywords.count)),
  startswith: (text, [prefix, start]) => anyOf(prefix, (option) => from(text, start).startsWith(option)),
  endswith: (text, [suffix, start]) => anyOf(suffix, (option) => from(text, start).endsWith(option)),
  removeprefix: (text, [prefix]) => (text.startsWith(string(prefix)) ? text.slice(string(prefix).length) : text),
  removesuffix: (text, [suffix]) =>
    string(suffix) !== '' && text.endsWith(string(suffix)) ? text.slice(0, -string(suffix).length) : text,
  find: (text, [part, start]) => position(text, string(part), start, false),
  rfind: (text, [part, start]) => position(text, string(part), start, true),
  index: (text, [part, start]) => found(position(text, string(part), start, false)),
  rindex: (text, [part, start]) => found(position(text, string(part), start, true)),
  count: (text, [part]) => (part === '' ? characters(text).length + 1 : text.split(string(part)).length - 1),
  isdigit: (text) => /^[\p{Nd}\p{No}]+$/u.test(text),
  isdecimal: (text) => /^\p{Nd}+$/u.test(text),
  isnumeric: (text) => /^\p{N}+$/u.test(text),
  isalpha: (text) => /^\p{L}+$/u.test(text),
  isalnum: (text) => /^[\p{L}\p{N}]+$/u.test(text),
  isspace: (text) => new RegExp(`^[${spaces}]+$`).test(text),
  isupper: (text) => text !== text.toLowerCase() && text === text.toUpperCase(),
  islower: (text) => text !== text.toUpperCase() && text === text.toLowerCase(),
  istitle: (text) => text !== '' && text === titleCase(text),
  isascii: (text) => /^\p{ASCII}*$/u.test(text),
  zfill: (text, [width]) => {
    const sign = /^[+-]/.exec(text)?.[0] ?? ''
    return sign + '0'.repeat(missing(text, width)) + text.slice(sign.length)
  },
  center: (text, [width, fill]) => center(text, missing(text, width), width, fill),
  ljust: (text, [width, fill]) => text + filler(fill).repeat(missing(text, width)),
  rjust: (text, [width, fill]) => filler(fill).repeat(missing(text, width)) + text,
  expandtabs: (text) => text.replaceAll('\t', '        '),
  format: (text, positional, keywords) => braceFormat(text, positional, keywords),
}

/** Python's `strip`: white space, or the characters of `set`, off the wanted ends. */
export const strip = (text: string, set: Value | undefined, left: boolean, right: boolean): string => {
  if (set === undefined || set === null) {
    const begun = left ? text.replace(leading, '') : text
    return right ? begun.replace(trailing, '') : begun
  }
  const unwanted = new Set(characters(string(set)))
  const all = characters(text)
  let first = 0
  let last = all.length
  while (left && first < last && unwanted.has(all[first]!)) first++
  while (right && last > first && unwanted.has(all[last - 1]!)) last--
  return all.slice(first, last).join('')
}

/** First letter up, the others down. */
export const capitalize = (text: string): string => {
  const [first = '', ...rest] = characters(text)
  return first.toUpperCase() + rest.join('').toLowerCase()
}

/** `text` with `from` replaced by `to`, at most `limit` times. */
export const replace = (text: string, from: string, to: string, limit = -1): string => {
  if (limit < 0) return text.replaceAll(from, () => to)
  let left = limit
  return text.replaceAll(from, (match) => (left-- > 0 ? to : match))
}

const titleCase = (text: string): string => text.replace(/\p{L}+/gu, (word) => capitalize(word))

const split = (text: string, separator: Value, limit: number): string[] => {
  if (separator === null) return splitAtSpaces(text, limit)
  const mark = string(separator)
  if (mark === '') throw new JinjaError('ValueError', 'empty separator')
  const parts = text.split(mark)
  return limit < 0 || parts.length <= limit + 1 ? parts : [...parts.slice(0, limit), parts.slice(limit).join(mark)]
}

const splitAtSpaces = (text: string, limit: number): string[] => {
  const parts: string[] = []
  let rest = text.replace(leading, '')
  while (rest !== '') {
    const gap = parts.length === limit ? null : runs.exec(rest)
    parts.push(gap === null ? rest : rest.slice(0, gap.index))
    rest = gap === null ? '' : rest.slice(gap.index + gap[0].length)
  }
  return parts
}

const splitLines = (text: string, keep: boolean): string[] => {
  const lines = text.match(line) ?? []
  const kept = lines.filter((line) => line !== '')
  return keep ? kept : kept.map((line) => line.replace(lineEnd, ''))
}

const around = (text: string, at: number, mark: string): string[] => [
  text.slice(0, at),
  mark,
  text.slice(at + mark.length),
]

const reversed = (text: string): string => characters(text).reverse().join('')

const reversedOf = (separator: Value): Value => (typeof separator === 'string' ? reversed(separator) : separator)

const anyOf = (options: Value | undefined, test: (option: string) => boolean): boolean =>
  options instanceof Tuple ? options.items.some((option) => test(string(option))) : test(string(options))

const from = (text: string, start: Value | undefined): string =>
  start === undefined ? text : characters(text).slice(count(start, 0)).join('')

/** Index in code points, -1 when the part does not occur. */
const position = (text: string, part: string, start: Value | undefined, last: boolean): number => {
  const skipped = Math.max(0, count(start, 0))
  const rest = from(text, start)
  const at = last ? rest.lastIndexOf(part) : rest.indexOf(part)
  return at < 0 ? -1 : skipped + characters(rest.slice(0, at)).length
}

const found = (index: number): number => {
  if (index < 0) throw new JinjaError('ValueError', 'substring not found')
  return index
}

const center = (text: string, space: number, width: Value | undefined, fill: Value | undefined): string => {
  const left = (space >> 1) + (space & count(width, 0) & 1) // Python puts the odd one left where the width is odd
  return filler(fill).repeat(left) + text + filler(fill).repeat(space - left)
}

const missing = (text: string, width: Value | undefined): number =>
  Math.max(0, count(width, 0) - characters(text).length)

const filler = (fill: Value | undefined): string => (fill === undefined ? ' ' : textOf(fill))

const count = (value: Value | undefined, fallback = -1): number => {
  if (value === undefined) return fallback
  if (isInteger(value)) return asNumber(value)
  throw new JinjaError('TypeError', `'${typeName(value)}' object cannot be interpreted as an integer`)
}

const string = (value: Value | undefined): string => {
  if (typeof value === 'string') return value
  throw new JinjaError('TypeError', `must be str, not ${typeName(value ?? null)}`)
}
