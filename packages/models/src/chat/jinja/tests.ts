import { binaryOperators, comparisons } from './operators'
import { stringMethods } from './strings'
import { textOf } from './text'
import {
  Float,
  isEqual,
  isInteger,
  isNumber,
  isObject,
  JinjaError,
  type Keywords,
  Tuple,
  Undefined,
  type Value,
} from './values'

type Test = (value: Value, argument: Value) => boolean

const compared = (sign: string): Test => comparisons[sign]!

const dividesBy = (value: Value, by: Value): boolean => isEqual(binaryOperators['%']!(value, by), 0)

/** Tests of `is`, by name. */
const tests: Readonly<Record<string, Test>> = {
  boolean: (value) => typeof value === 'boolean',
  callable: (value) => value instanceof Undefined || (isObject(value) && value.call !== undefined), // as in Python
  defined: (value) => !(value instanceof Undefined),
  undefined: (value) => value instanceof Undefined,
  divisibleby: dividesBy,
  even: (value) => dividesBy(value, 2),
  odd: (value) => !dividesBy(value, 2),
  eq: compared('=='),
  equalto: compared('=='),
  '==': compared('=='),
  ne: compared('!='),
  '!=': compared('!='),
  lt: compared('<'),
  lessthan: compared('<'),
  '<': compared('<'),
  le: compared('<='),
  '<=': compared('<='),
  gt: compared('>'),
  greaterthan: compared('>'),
  '>': compared('>'),
  ge: compared('>='),
  '>=': compared('>='),
  in: compared('in'),
  escaped: () => false,
  false: (value) => value === false,
  true: (value) => value === true,
  none: (value) => value === null,
  float: (value) => value instanceof Float,
  integer: (value) => isInteger(value) && typeof value !== 'boolean',
  number: isNumber,
  string: (value) => typeof value === 'string',
  mapping: (value) => value instanceof Map,
  sequence: (value) => isSequence(value) || value instanceof Map,
  iterable: (value) => isSequence(value) || value instanceof Map || value instanceof Undefined,
  lower: (value) => stringMethods.islower!(textOf(value), [], {}) === true,
  upper: (value) => stringMethods.isupper!(textOf(value), [], {}) === true,
  sameas: (value, other) => value === other,
}

const isSequence = (value: Value): boolean =>
  typeof value === 'string' || Array.isArray(value) || value instanceof Tuple

/**
 * Result of a test by name.
 *
 * @throws JinjaError `TemplateAssertionError` when there is none of that name
 */
export const applyTest = (name: string, value: Value, positional: readonly Value[], keywords: Keywords): boolean => {
  const test = Object.hasOwn(tests, name) ? tests[name] : undefined
  if (test === undefined) throw new JinjaError('TemplateAssertionError', `No test named '${name}'.`)
  return test(value, positional[0] ?? Object.values(keywords)[0] ?? null)
}
