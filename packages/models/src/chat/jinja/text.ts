import { asNumber, Float, isInteger, JinjaError, Tuple, typeName, Undefined, type Value } from './values'

/** Python's `str()` of a value, which is also how a template prints it. */
export const textOf = (value: Value): string => {
  if (typeof value === 'string') return value
  if (value instanceof Undefined) return ''
  return representation(value)
}

/** Python's `repr()` of a value. */
export const representation = (value: Value): string => {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value === 'string') return quoted(value)
  if (value instanceof Float) return floatText(value.value)
  if (value instanceof Undefined) return 'Undefined'
  if (value instanceof Tuple)
    return `(${value.items.map(representation).join(', ')}${value.items.length === 1 ? ',' : ''})`
  if (Array.isArray(value)) return `[${value.map(representation).join(', ')}]`
  if (value instanceof Map)
    return `{${[...value].map(([key, item]) => `${representation(key)}: ${representation(item)}`).join(', ')}}`
  return `<${value.type}>`
}

/** A float as Python prints it: shortest digits that read back, exponents from 1e16 up and below 1e-4. */
export const floatText = (value: number): string => {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string]
  const power = Number(exponent)
  if (power < -4 || power >= 16)
    return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
  const plain = value.toFixed(Math.max(0, (mantissa.split('.')[1]?.length ?? 0) - power))
  return plain.includes('.') ? plain : `${plain}.0`
}

const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' }

/** A string literal as `repr` writes it: single quotes unless they are inside and double ones are not. */
const quoted = (text: string): string => {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const body = text.replace(/[\p{C}\p{Z}\\'"]/gu, (character) => {
    if (character === ' ') return ' '
    if (character === "'" || character === '"') return character === quote ? `\\${character}` : character
    return escapes[character] ?? escapeCode(character.codePointAt(0)!)
  })
  return quote + body + quote
}

const escapeCode = (code: number): string => {
  const hex = code.toString(16)
  if (code < 0x100) return `\\x${hex.padStart(2, '0')}`
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}

/** Options of Python's `json.dumps` as chat templates use them. */
export interface JsonOptions {
  readonly ensureAscii?: boolean
  /** Spaces (or a text) of one level; everything in one line when left out. */
  readonly indent?: string | undefined
  readonly separators?: readonly [item: string, key: string] | undefined
  readonly sortKeys?: boolean
}

/**
 * Python's `json.dumps` of a value.
 *
 * @throws JinjaError `TypeError` for a value that JSON cannot hold
 */
export const jsonText = (
  value: Value,
  {
    ensureAscii = false,
    indent,
    separators = [indent === undefined ? ', ' : ',', ': '],
    sortKeys = false,
  }: JsonOptions = {},
): string => {
  const string = (text: string): string => {
    const plain = JSON.stringify(text)
    if (!ensureAscii) return plain
    return plain.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  }
  const block = (open: string, close: string, items: readonly string[], level: number): string => {
    if (items.length === 0) return open + close
    if (indent === undefined) return open + items.join(separators[0]) + close
    const line = (depth: number): string => `\n${indent.repeat(depth)}`
    return open + line(level + 1) + items.join(separators[0] + line(level + 1)) + line(level) + close
  }
  const write = (item: Value, level: number): string => {
    if (item === null) return 'null'
    if (typeof item === 'boolean') return String(item)
    if (typeof item === 'string') return string(item)
    if (isInteger(item)) return String(item)
    if (item instanceof Float) return jsonFloat(item.value)
    if (Array.isArray(item))
      return block(
        '[',
        ']',
        item.map((part) => write(part, level + 1)),
        level,
      )
    if (item instanceof Tuple)
      return block(
        '[',
        ']',
        item.items.map((part) => write(part, level + 1)),
        level,
      )
    if (item instanceof Map) {
      const entries = [...item].map(([key, part]): [string, Value] => [keyText(key), part])
      if (sortKeys) entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      return block(
        '{',
        '}',
        entries.map(([key, part]) => string(key) + separators[1] + write(part, level + 1)),
        level,
      )
    }
    throw new JinjaError('TypeError', `Object of type ${typeName(item)} is not JSON serializable`)
  }
  return write(value, 0)
}

const jsonFloat = (value: number): string => {
  if (Number.isFinite(value)) return floatText(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
}

const keyText = (key: Value): string => {
  if (typeof key === 'string') return key
  if (key === null) return 'null'
  if (typeof key === 'boolean') return String(key)
  if (isInteger(key)) return String(asNumber(key))
  if (key instanceof Float) return jsonFloat(key.value)
  throw new JinjaError('TypeError', `keys must be str, int, float, bool or None, not ${typeName(key)}`)
}
