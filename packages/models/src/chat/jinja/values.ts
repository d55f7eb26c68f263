/** Python exceptions that a template can end in. */
export type JinjaErrorKind =
  | 'TemplateSyntaxError'
  | 'TemplateAssertionError'
  | 'TemplateError'
  | 'TemplateRuntimeError'
  | 'UndefinedError'
  | 'SecurityError'
  | 'TypeError'
  | 'ValueError'
  | 'KeyError'
  | 'ZeroDivisionError'

/** Error of a template, named as the exception that Jinja for Python raises in the same place. */
export class JinjaError extends Error {
  override readonly name = 'JinjaError'
  readonly kind: JinjaErrorKind

  constructor(kind: JinjaErrorKind, message: string) {
    super(message)
    this.kind = kind
  }
}

/** A Python float. Whole numbers of JavaScript are ints, so a float without a fraction needs this. */
export class Float {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

/** A Python tuple. */
export class Tuple {
  readonly items: readonly Value[]

  constructor(items: readonly Value[]) {
    this.items = items
  }
}

/** A value that is not there: prints as nothing, and refuses most other uses with its message. */
export class Undefined {
  readonly message: string
  readonly kind: JinjaErrorKind

  constructor(message: string, kind: JinjaErrorKind = 'UndefinedError') {
    this.message = message
    this.kind = kind
  }

  /** The error of using it. */
  error(): JinjaError {
    return new JinjaError(this.kind, this.message)
  }
}

/** Arguments by keyword. */
export type Keywords = Readonly<Record<string, Value>>

/** An object of the template engine: a function, a macro, `loop`, a namespace. */
export interface TemplateObject {
  /** Python's name of its type. */
  readonly type: string
  /** Value of an attribute, undefined when it has none of that name. */
  attribute?(name: string): Value | undefined
  assign?(name: string, value: Value): void
  call?(positional: readonly Value[], keywords: Keywords): Value
}

/** What a template computes with: Python's values. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Float
  | Undefined
  | Tuple
  | Value[]
  | Dict
  | TemplateObject

/** A Python dict, in insertion order. */
export type Dict = Map<Value, Value>

/** A function for templates. */
export const callable = (call: (positional: readonly Value[], keywords: Keywords) => Value): TemplateObject => ({
  type: 'function',
  call,
})

/** The Python value of JSON-like data; `undefined` members are left out, other things become an inert placeholder. */
export const fromJson = (value: unknown): Value => {
  if (value === null || value === undefined) return null
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') return value
  if (typeof value === 'number') return Number.isInteger(value) ? integer(value) : new Float(value)
  if (value instanceof Float) return value
  if (Array.isArray(value)) return value.map(fromJson)
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [fromJson(key), fromJson(item)]))
  if (typeof value !== 'object') return `<${typeof value}>`
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  return new Map(entries.map(([key, item]) => [key, fromJson(item)]))
}

/** An int: a number while that is exact, else a bigint. */
export const integer = (value: number | bigint): number | bigint => {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : BigInt(value)
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}

/** True for ints and bools, which Python counts as ints. */
export const isInteger = (value: Value): value is number | bigint | boolean =>
  typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'

/** True for ints, floats and bools. */
export const isNumber = (value: Value): value is number | bigint | boolean | Float =>
  isInteger(value) || value instanceof Float

/** True for objects of the engine. */
export const isObject = (value: Value): value is TemplateObject =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Map || value instanceof Tuple || value instanceof Float || value instanceof Undefined)

/** Value of a number as a JavaScript number. */
export const asNumber = (value: number | bigint | boolean | Float): number =>
  value instanceof Float ? value.value : Number(value)

/** Python's name of a value's type. */
export const typeName = (value: Value): string => {
  if (value === null) return 'NoneType'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number' || typeof value === 'bigint') return 'int'
  if (typeof value === 'string') return 'str'
  if (value instanceof Float) return 'float'
  if (value instanceof Tuple) return 'tuple'
  if (value instanceof Undefined) return 'Undefined'
  if (Array.isArray(value)) return 'list'
  return value instanceof Map ? 'dict' : value.type
}

/** Python's truth of a value. */
export const isTrue = (value: Value): boolean => {
  if (value === null || value instanceof Undefined) return false
  if (value instanceof Float) return value.value !== 0
  if (value instanceof Tuple) return value.items.length > 0
  if (Array.isArray(value)) return value.length > 0
  if (value instanceof Map) return value.size > 0
  return typeof value === 'object' || Boolean(value)
}

/** The first value that is there; unlike `??` it takes None, which is null, for a value. */
export const firstOf = (...values: readonly (Value | undefined)[]): Value | undefined =>
  values.find((value) => value !== undefined)

/** Characters of a string: code points. */
export const characters = (text: string): string[] => Array.from(text)

/**
 * Items of a sequence or keys of a dict.
 *
 * @throws JinjaError `TypeError` for a value that Python cannot iterate over
 */
export const iterate = (value: Value): readonly Value[] => {
  if (Array.isArray(value)) return value
  if (typeof value === 'string') return characters(value)
  if (value instanceof Tuple) return value.items
  if (value instanceof Map) return [...value.keys()]
  if (value instanceof Undefined) {
    if (value.kind !== 'UndefinedError') throw value.error()
    return []
  }
  throw new JinjaError('TypeError', `'${typeName(value)}' object is not iterable`)
}

/** Number of items. @throws JinjaError `TypeError` for a value without a length */
export const lengthOf = (value: Value): number => {
  if (value instanceof Map) return value.size
  if (Array.isArray(value) || value instanceof Tuple || typeof value === 'string' || value instanceof Undefined)
    return iterate(value).length
  throw new JinjaError('TypeError', `object of type '${typeName(value)}' has no len()`)
}

/** Python's `==`. */
export const isEqual = (a: Value, b: Value): boolean => {
  if (isNumber(a) && isNumber(b))
    return isInteger(a) && isInteger(b) ? BigInt(a) === BigInt(b) : asNumber(a) === asNumber(b)
  if (a instanceof Tuple && b instanceof Tuple) return sameItems(a.items, b.items)
  if (Array.isArray(a) && Array.isArray(b)) return sameItems(a, b)
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, item]) => b.has(key) && isEqual(item, b.get(key)!))
  if (a instanceof Undefined && b instanceof Undefined) return true
  return a === b
}

const sameItems = (a: readonly Value[], b: readonly Value[]): boolean =>
  a.length === b.length && a.every((item, i) => isEqual(item, b[i]!))

/** Value of a dict by key; floats and bools find the equal int. */
export const lookUp = (dict: Dict, key: Value): Value | undefined => dict.get(hashable(key))

/** A key as dicts keep it. @throws JinjaError `TypeError` for lists and dicts */
export const hashable = (key: Value): Value => {
  if (Array.isArray(key) || key instanceof Map) throw new JinjaError('TypeError', `unhashable type: '${typeName(key)}'`)
  if (typeof key === 'boolean') return Number(key)
  return key instanceof Float && Number.isInteger(key.value) ? integer(key.value) : key
}
