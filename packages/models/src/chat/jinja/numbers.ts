import { asNumber, Float, integer, isInteger, isNumber, JinjaError, typeName, Undefined, type Value } from './values'

/** The value as a number. @throws JinjaError `TypeError` for anything else */
export const number = (value: Value): number | bigint | boolean | Float => {
  if (isNumber(value)) return value
  if (value instanceof Undefined) throw value.error()
  throw new JinjaError('TypeError', `must be a number, not ${typeName(value)}`)
}

/** The value as a whole number that counts something. @throws JinjaError `TypeError` for anything else */
export const index = (value: Value | undefined): number => {
  if (value !== undefined && isInteger(value)) return asNumber(value)
  throw new JinjaError('TypeError', `'${typeName(value ?? null)}' object cannot be interpreted as an integer`)
}

/** Python's `round`: to the nearest, exact halves to even. */
export const round = (value: number | bigint | boolean | Float, precision: number, method: string): Value => {
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

/** Python's `float`; the fallback for what is no number. */
export const toFloat = (value: Value, fallback: Value): Value => {
  if (isNumber(value)) return new Float(asNumber(value))
  const text = typeof value === 'string' ? value.trim().replaceAll('_', '') : ''
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return new Float(Number(text))
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text)
  if (special === null) return fallback
  return new Float(special[2]!.toLowerCase() === 'nan' ? Number.NaN : special[1] === '-' ? -Infinity : Infinity)
}

/** Python's `int`, in any base; the fallback for what is no number. */
export const toInteger = (value: Value, fallback: Value, base: number): Value => {
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
