import { representation, textOf } from './text'
import { asNumber, isInteger, isNumber, JinjaError, type Keywords, lookUp, Tuple, typeName, type Value } from './values'

/** Python's `template % value`. */
export const percentFormat = (template: string, value: Value): string => {
  const values = value instanceof Tuple ? [...value.items] : [value]
  const next = (): Value => {
    const item = values.shift()
    if (item === undefined) throw new JinjaError('TypeError', 'not enough arguments for format string')
    return item
  }
  const out = template.replace(
    /%(?:\(([^)]*)\))?([-+ #0]*)(\*|\d+)?(?:\.(\*|\d+))?([a-zA-Z%])/g,
    (
      _,
      key: string | undefined,
      flags: string,
      width: string | undefined,
      precision: string | undefined,
      kind: string,
    ) => {
      if (kind === '%') return '%'
      const size = width === '*' ? asNumber(next() as number) : Number(width ?? 0)
      const digits =
        precision === '*' ? asNumber(next() as number) : precision === undefined ? undefined : Number(precision)
      const item = key === undefined ? next() : member(value, key)
      return pad(convert(kind, item, digits, flags), size, flags, isNumber(item) && kind !== 's' && kind !== 'r')
    },
  )
  if (values.length > 0 && value instanceof Tuple)
    throw new JinjaError('TypeError', 'not all arguments converted during string formatting')
  return out
}

/** Python's `template.format(...)` for plain fields: `{}`, `{0}`, `{name}`, `{x:5.2f}`. */
export const braceFormat = (template: string, positional: readonly Value[], keywords: Keywords): string => {
  let automatic = 0
  return template.replace(
    /\{\{|\}\}|\{(\w*)(?:!([rs]))?(?::([^{}]*))?\}/g,
    (match, name: string | undefined, conversion, spec = '') => {
      if (match === '{{' || match === '}}') return match[0]!
      const key = name === '' ? String(automatic++) : name!
      const value = /^\d+$/.test(key) ? positional[Number(key)] : keywords[key]
      if (value === undefined) throw new JinjaError('KeyError', `'${key}'`)
      return withSpec(conversion === 'r' ? representation(value) : value, String(spec))
    },
  )
}

const member = (value: Value, key: string): Value => {
  const item = value instanceof Map ? lookUp(value, key) : undefined
  if (item === undefined) throw new JinjaError('KeyError', `'${key}'`)
  return item
}

const convert = (kind: string, value: Value, digits: number | undefined, flags: string): string => {
  if (kind === 's') return clip(textOf(value), digits)
  if (kind === 'r') return clip(representation(value), digits)
  if (!isNumber(value))
    throw new JinjaError('TypeError', `%${kind} format: a real number is required, not ${typeName(value)}`)
  const number = asNumber(value)
  const sign = number < 0 ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : ''
  const size = Math.abs(number)
  if (kind === 'd' || kind === 'i' || kind === 'u')
    return sign + (isInteger(value) ? String(value).replace('-', '') : String(Math.trunc(size)))
  if (kind === 'x' || kind === 'X' || kind === 'o') {
    const text = Math.trunc(size).toString(kind === 'o' ? 8 : 16)
    return sign + (kind === 'X' ? text.toUpperCase() : text)
  }
  if (kind === 'f' || kind === 'F') return sign + size.toFixed(digits ?? 6)
  if (kind === 'e' || kind === 'E') {
    const text = size.toExponential(digits ?? 6).replace(/e([+-])(\d)$/, 'e$10$2')
    return sign + (kind === 'E' ? text.toUpperCase() : text)
  }
  throw new JinjaError('ValueError', `unsupported format character '${kind}'`)
}

const clip = (text: string, digits: number | undefined): string =>
  digits === undefined ? text : Array.from(text).slice(0, digits).join('')

const pad = (text: string, width: number, flags: string, zeros: boolean): string => {
  if (flags.includes('-')) return text.padEnd(width)
  if (!zeros || !flags.includes('0')) return text.padStart(width)
  const sign = /^[-+ ]/.exec(text)?.[0] ?? ''
  return sign + text.slice(sign.length).padStart(width - sign.length, '0')
}

/** A value in a format specification: fill, alignment, sign, width, precision, kind. */
const withSpec = (value: Value, spec: string): string => {
  const match = /^(?:(.)?([<>^]))?([-+ ]?)(0?)(\d*)(?:\.(\d+))?([a-zA-Z%]?)$/u.exec(spec)
  if (match === null) throw new JinjaError('ValueError', `Invalid format specifier '${spec}'`)
  const [, fill, align, sign, zero, width, precision, kind] = match
  const digits = precision === undefined ? undefined : Number(precision)
  const numeric = isNumber(value) && kind !== 's'
  const text = numeric && kind ? convert(kind, value, digits, sign ?? '') : clip(textOf(value), digits)
  const missing = Number(width || 0) - Array.from(text).length
  if (missing <= 0) return text
  const filling = (fill ?? (zero === '0' ? '0' : ' ')).repeat(missing)
  const side = align ?? (numeric ? '>' : '<')
  if (side === '^') return filling.slice(0, missing >> 1) + text + filling.slice(missing >> 1)
  return side === '<' ? text + filling : filling + text
}
