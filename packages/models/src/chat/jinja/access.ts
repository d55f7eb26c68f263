import { stringMethods } from './strings'
import { representation } from './text'
import {
  asNumber,
  callable,
  characters,
  type Dict,
  firstOf,
  isEqual,
  isInteger,
  isObject,
  iterate,
  JinjaError,
  type Keywords,
  lookUp,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values'

/** `value.name`: an attribute or method, else the item of that name. */
export const attributeOf = (value: Value, name: string): Value =>
  firstOf(ownAttribute(value, name), itemOrNothing(value, name), absent(value, name))!

/** `value[key]`: an item, else the attribute of that name. */
export const itemOf = (value: Value, key: Value): Value =>
  firstOf(
    itemOrNothing(value, key),
    typeof key === 'string' ? ownAttribute(value, key) : undefined,
    absent(value, key),
  )!

/** `value[begin:end:step]`. */
export const sliceOf = (value: Value, bounds: readonly [begin: Value, end: Value, step: Value]): Value => {
  if (value instanceof Undefined) throw value.error()
  const isSequence = typeof value === 'string' || Array.isArray(value) || value instanceof Tuple
  if (!isSequence) return absent(value, null)
  const items = iterate(value)
  const [begin, end, step] = bounds.map((bound) => (bound === null ? undefined : toIndex(bound)))
  const taken = sliceIndexes(items.length, begin, end, step ?? 1).map((i) => items[i]!)
  if (typeof value === 'string') return taken.join('')
  return value instanceof Tuple ? new Tuple(taken) : taken
}

/** Calls a value. @throws JinjaError `TypeError` when it is no function */
export const callValue = (value: Value, positional: readonly Value[], keywords: Keywords): Value => {
  if (value instanceof Undefined) throw value.error()
  if (isObject(value) && value.call !== undefined) return value.call(positional, keywords)
  throw new JinjaError('TypeError', `'${typeName(value)}' object is not callable`)
}

const ownAttribute = (value: Value, name: string): Value | undefined => {
  if (value instanceof Undefined) throw value.error()
  if (isObject(value)) return value.attribute?.(name)
  if (name.startsWith('__')) return unsafe(value, name)
  if (typeof value === 'string') {
    const method = Object.hasOwn(stringMethods, name) ? stringMethods[name] : undefined
    return method && callable((positional, keywords) => method(value, positional, keywords))
  }
  if (value instanceof Map) return dictMethod(value, name)
  if (Array.isArray(value) || value instanceof Tuple) return sequenceMethod(value, name)
  return undefined
}

const itemOrNothing = (value: Value, key: Value): Value | undefined => {
  if (value instanceof Undefined) throw value.error()
  if (value instanceof Map) return isHashable(key) ? lookUp(value, key) : undefined
  if (!isInteger(key)) return undefined
  if (typeof value !== 'string' && !Array.isArray(value) && !(value instanceof Tuple)) return undefined
  const items = typeof value === 'string' ? characters(value) : iterate(value)
  return items.at(asNumber(key))
}

const isHashable = (key: Value): boolean => !Array.isArray(key) && !(key instanceof Map)

const absent = (value: Value, key: Value): Undefined => {
  const owner = value === null ? 'None' : isObject(value) ? `${value.type} object` : `${typeName(value)} object`
  if (typeof key === 'string') return new Undefined(`'${owner}' has no attribute ${representation(key)}`)
  return new Undefined(`${owner} has no element ${representation(key)}`)
}

/** Whatever would change a value is out of reach: templates come from strangers. */
const changing: Readonly<Record<string, readonly string[]>> = {
  dict: ['clear', 'pop', 'popitem', 'setdefault', 'update'],
  list: ['append', 'clear', 'extend', 'insert', 'pop', 'remove', 'reverse', 'sort'],
}

const unsafe = (value: Value, name: string): Undefined =>
  new Undefined(`access to attribute '${name}' of '${typeName(value)}' object is unsafe.`, 'SecurityError')

const dictMethod = (dict: Dict, name: string): Value | undefined => {
  if (changing.dict!.includes(name)) return unsafe(dict, name)
  switch (name) {
    case 'items':
      return callable(() => [...dict].map((entry) => new Tuple(entry)))
    case 'keys':
      return callable(() => [...dict.keys()])
    case 'values':
      return callable(() => [...dict.values()])
    case 'copy':
      return callable(() => new Map(dict))
    case 'get':
      return callable(([key = null, fallback = null]) => firstOf(lookUp(dict, key), fallback)!)
    default:
      return undefined
  }
}

const sequenceMethod = (value: Value[] | Tuple, name: string): Value | undefined => {
  if (Array.isArray(value) && changing.list!.includes(name)) return unsafe(value, name)
  const items = iterate(value)
  switch (name) {
    case 'index':
      return callable(([item = null]) => {
        const at = items.findIndex((other) => isEqual(other, item))
        if (at < 0) throw new JinjaError('ValueError', `${representation(item)} is not in list`)
        return at
      })
    case 'count':
      return callable(([item = null]) => items.filter((other) => isEqual(other, item)).length)
    case 'copy':
      return Array.isArray(value) ? callable(() => [...value]) : undefined
    default:
      return undefined
  }
}

const toIndex = (value: Value): number => {
  if (isInteger(value)) return asNumber(value)
  if (value instanceof Undefined) throw value.error()
  throw new JinjaError('TypeError', 'slice indices must be integers or None or have an __index__ method')
}

/** Indexes that a Python slice of `length` items takes. */
const sliceIndexes = (length: number, begin: number | undefined, end: number | undefined, step: number): number[] => {
  if (step === 0) throw new JinjaError('ValueError', 'slice step cannot be zero')
  const [least, most] = step > 0 ? [0, length] : [-1, length - 1]
  const clamp = (index: number): number => Math.min(most, Math.max(least, index < 0 ? index + length : index))
  const first = begin === undefined ? (step > 0 ? 0 : length - 1) : clamp(begin)
  const last = end === undefined ? (step > 0 ? length : -1) : clamp(end)
  const indexes: number[] = []
  for (let i = first; step > 0 ? i < last : i > last; i += step) indexes.push(i)
  return indexes
}
