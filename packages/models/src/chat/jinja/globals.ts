import { strftime } from './strftime'
import { textOf } from './text'
import {
  asNumber,
  callable,
  type Dict,
  isInteger,
  iterate,
  JinjaError,
  type Keywords,
  type TemplateObject,
  typeName,
  Undefined,
  type Value,
} from './values'

/** Names that every chat template may use. `now` is the time that `strftime_now` tells. */
export const globalsOf = (now: Date | undefined): ReadonlyMap<string, Value> =>
  new Map<string, Value>([
    ['range', callable(range)],
    ['dict', callable((positional, keywords) => dictOf(positional[0], keywords))],
    ['namespace', callable((positional, keywords) => namespaceOf(dictOf(positional[0], keywords)))],
    ['cycler', callable((items) => cycler(items))],
    ['joiner', callable(([mark], { sep }) => joiner(mark ?? sep ?? ', '))],
    ['lipsum', callable(() => refuse('lipsum', 'random text'))],
    [
      'raise_exception',
      callable(([message]) => {
        throw new JinjaError('TemplateError', textOf(message ?? null))
      }),
    ],
    [
      'strftime_now',
      callable(([format]) => {
        if (now === undefined) throw new JinjaError('ValueError', 'strftime_now needs the time: give the option now')
        return strftime(now, textOf(format ?? null))
      }),
    ],
  ])

const refuse = (name: string, what: string): never => {
  throw new JinjaError('ValueError', `${name} gives ${what}, which is not supported`)
}

/** The sandbox of Jinja allows no longer one. */
const longestRange = 100_000

const range = (bounds: readonly Value[]): Value => {
  const numbers = bounds.map((bound) => {
    if (isInteger(bound)) return asNumber(bound)
    if (bound instanceof Undefined) throw bound.error()
    throw new JinjaError('TypeError', `'${typeName(bound)}' object cannot be interpreted as an integer`)
  })
  const [start, stop, step] = numbers.length < 2 ? [0, numbers[0] ?? 0, 1] : [numbers[0]!, numbers[1]!, numbers[2] ?? 1]
  if (step === 0) throw new JinjaError('ValueError', 'range() arg 3 must not be zero')
  const length = Math.max(0, Math.ceil((stop - start) / step))
  if (length > longestRange)
    throw new JinjaError('ValueError', `Range too big. The sandbox blocks ranges larger than ${longestRange}.`)
  return Array.from({ length }, (_, i) => start + i * step)
}

const dictOf = (source: Value | undefined, keywords: Keywords): Dict => {
  const entries: [Value, Value][] =
    source instanceof Map
      ? [...source]
      : iterate(source ?? []).map((pair) => {
          const [key = null, value = null] = iterate(pair)
          return [key, value]
        })
  return new Map([...entries, ...Object.entries(keywords)])
}

/** An object whose attributes templates may set, also from inside loops. */
const namespaceOf = (members: Dict): TemplateObject => {
  const check = (name: string): void => {
    if (name.startsWith('_'))
      throw new JinjaError(
        'SecurityError',
        `Chat templates cannot store underscore-prefixed attributes on a namespace, but got '${name}'.`,
      )
  }
  for (const name of members.keys()) check(textOf(name))
  return {
    type: 'Namespace',
    attribute: (name) => members.get(name),
    assign(name, value) {
      check(name)
      members.set(name, value)
    },
  }
}

const cycler = (items: readonly Value[]): TemplateObject => {
  let position = 0
  return {
    type: 'Cycler',
    attribute(name) {
      if (name === 'current') return items[position % items.length]
      if (name === 'reset') return callable(() => (position = 0))
      if (name === 'next') return callable(() => items[position++ % items.length] ?? null)
      return undefined
    },
  }
}

/** Gives nothing the first time and the mark from then on. */
const joiner = (mark: Value): TemplateObject => {
  let used = false
  return {
    type: 'Joiner',
    call() {
      if (used) return mark
      used = true
      return ''
    },
  }
}
