import { percentFormat } from './format'
import { textOf } from './text'
import {
  asNumber,
  characters,
  Float,
  integer,
  isEqual,
  isInteger,
  isNumber,
  iterate,
  JinjaError,
  lookUp,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values'

/** Binary operators of expressions, by their sign. */
export const binaryOperators: Readonly<Record<string, (a: Value, b: Value) => Value>> = {
  '+': (a, b) => {
    if (typeof a === 'string' && typeof b === 'string') return a + b
    if (Array.isArray(a) && Array.isArray(b)) return [...a, ...b]
    if (a instanceof Tuple && b instanceof Tuple) return new Tuple([...a.items, ...b.items])
    if (isNumber(a) && isNumber(b))
      return arithmetic(
        a,
        b,
        (x, y) => x + y,
        (x, y) => x + y,
      )
    throw concatenationError(a, b)
  },
  '-': numeric(
    '-',
    (x, y) => x - y,
    (x, y) => x - y,
  ),
  '*': (a, b) => {
    if (isInteger(b) && isSequence(a)) return repeat(a, Number(b))
    if (isInteger(a) && isSequence(b)) return repeat(b, Number(a))
    return numeric(
      '*',
      (x, y) => x * y,
      (x, y) => x * y,
    )(a, b)
  },
  '/': (a, b) => {
    const [x, y] = numbers('/', a, b)
    if (asNumber(y) === 0) throw new JinjaError('ZeroDivisionError', 'division by zero')
    return new Float(asNumber(x) / asNumber(y))
  },
  '//': divide(
    '//',
    (x, y) => (x - mod(x, y)) / y,
    (x, y) => Math.floor(x / y),
  ),
  '%': (a, b) => (typeof a === 'string' ? percentFormat(a, b) : divide('%', mod, (x, y) => ((x % y) + y) % y)(a, b)),
  '**': (a, b) => {
    const [x, y] = numbers('** or pow()', a, b)
    if (isInteger(x) && isInteger(y) && Number(y) >= 0) return integer(BigInt(x) ** BigInt(y))
    return new Float(asNumber(x) ** asNumber(y))
  },
  '~': (a, b) => textOf(a) + textOf(b),
}

/** Comparison operators, by their sign. */
export const comparisons: Readonly<Record<string, (a: Value, b: Value) => boolean>> = {
  '==': isEqual,
  '!=': (a, b) => !isEqual(a, b),
  '<': (a, b) => compare('<', a, b) < 0,
  '<=': (a, b) => compare('<=', a, b) <= 0,
  '>': (a, b) => compare('>', a, b) > 0,
  '>=': (a, b) => compare('>=', a, b) >= 0,
  in: contains,
  'not in': (a, b) => !contains(a, b),
}

/** `-value`. */
export const negative = (value: Value): Value => {
  if (isInteger(value)) return integer(-BigInt(value))
  if (value instanceof Float) return new Float(-value.value)
  if (value instanceof Undefined) throw value.error()
  throw new JinjaError('TypeError', `bad operand type for unary -: '${typeName(value)}'`)
}

/** `+value`. */
export const positive = (value: Value): Value => {
  if (isNumber(value)) return typeof value === 'boolean' ? Number(value) : value
  if (value instanceof Undefined) throw value.error()
  throw new JinjaError('TypeError', `bad operand type for unary +: '${typeName(value)}'`)
}

/** Negative, zero or positive as `a` comes before, with or after `b`. @throws JinjaError `TypeError` for mixed types */
export function compare(sign: string, a: Value, b: Value): number {
  if (isNumber(a) && isNumber(b)) {
    if (isInteger(a) && isInteger(b)) return BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0
    return asNumber(a) - asNumber(b)
  }
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  const [left, right] = [itemsOf(a), itemsOf(b)]
  if (left !== undefined && right !== undefined && typeName(a) === typeName(b)) {
    for (let i = 0; i < Math.min(left.length, right.length); i++)
      if (!isEqual(left[i]!, right[i]!)) return compare(sign, left[i]!, right[i]!)
    return left.length - right.length
  }
  for (const value of [a, b]) if (value instanceof Undefined) throw value.error()
  throw new JinjaError(
    'TypeError',
    `'${sign}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`,
  )
}

/** By code points, where JavaScript compares UTF-16 units. */
const compareText = (a: string, b: string): number => {
  const [left, right] = [characters(a), characters(b)]
  for (let i = 0; i < Math.min(left.length, right.length); i++)
    if (left[i] !== right[i]) return left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!
  return left.length - right.length
}

function contains(item: Value, container: Value): boolean {
  if (container instanceof Map) return lookUp(container, item) !== undefined
  if (typeof container === 'string') {
    if (typeof item === 'string') return container.includes(item)
    if (item instanceof Undefined) throw item.error()
    throw new JinjaError('TypeError', `'in <string>' requires string as left operand, not ${typeName(item)}`)
  }
  if (itemsOf(container) === undefined && !(container instanceof Undefined))
    throw new JinjaError('TypeError', `argument of type '${typeName(container)}' is not iterable`)
  return iterate(container).some((value) => isEqual(value, item))
}

type Sequence = string | Value[] | Tuple

const isSequence = (value: Value): value is Sequence =>
  typeof value === 'string' || Array.isArray(value) || value instanceof Tuple

const itemsOf = (value: Value): readonly Value[] | undefined =>
  Array.isArray(value) ? value : value instanceof Tuple ? value.items : undefined

/** A template must not fill the memory. */
const longestRepeat = 2 ** 24

const repeat = (sequence: Sequence, times: number): Value => {
  const count = Math.max(0, times)
  const length = sequence instanceof Tuple ? sequence.items.length : sequence.length
  if (length * count > longestRepeat)
    throw new JinjaError('ValueError', `a repetition of ${length * count} items is too long`)
  if (typeof sequence === 'string') return sequence.repeat(count)
  const items = Array.from({ length: count }, () => (sequence instanceof Tuple ? sequence.items : sequence)).flat()
  return Array.isArray(sequence) ? items : new Tuple(items)
}

type Numeric = number | bigint | boolean | Float

const arithmetic = (
  a: Numeric,
  b: Numeric,
  exact: (x: bigint, y: bigint) => bigint,
  inexact: (x: number, y: number) => number,
): Value =>
  isInteger(a) && isInteger(b) ? integer(exact(BigInt(a), BigInt(b))) : new Float(inexact(asNumber(a), asNumber(b)))

function numeric(sign: string, exact: (x: bigint, y: bigint) => bigint, inexact: (x: number, y: number) => number) {
  return (a: Value, b: Value): Value => arithmetic(...numbers(sign, a, b), exact, inexact)
}

function divide(sign: string, exact: (x: bigint, y: bigint) => bigint, inexact: (x: number, y: number) => number) {
  return (a: Value, b: Value): Value => {
    const [x, y] = numbers(sign, a, b)
    if (asNumber(y) === 0)
      throw new JinjaError(
        'ZeroDivisionError',
        sign === '%' ? 'integer modulo by zero' : 'integer division or modulo by zero',
      )
    return arithmetic(x, y, exact, inexact)
  }
}

/** Remainder with the sign of the divisor. */
function mod(x: bigint, y: bigint): bigint {
  return ((x % y) + y) % y
}

const numbers = (sign: string, a: Value, b: Value): [Numeric, Numeric] => {
  if (isNumber(a) && isNumber(b)) return [a, b]
  throw operandError(sign, a, b)
}

const concatenationError = (a: Value, b: Value): JinjaError => {
  for (const value of [a, b]) if (value instanceof Undefined) return value.error()
  if (isSequence(a))
    return new JinjaError('TypeError', `can only concatenate ${typeName(a)} (not "${typeName(b)}") to ${typeName(a)}`)
  return operandError('+', a, b)
}

const operandError = (sign: string, a: Value, b: Value): JinjaError => {
  for (const value of [a, b]) if (value instanceof Undefined) return value.error()
  return new JinjaError('TypeError', `unsupported operand type(s) for ${sign}: '${typeName(a)}' and '${typeName(b)}'`)
}
