import type { Arguments, Expression } from './ast'
import { type TokenStream, unexpected } from './stream'
import { JinjaError, type Value } from './values'

/** Parses an expression; `condition` allows `a if b else c`. */
export const parseExpression = (stream: TokenStream, condition = true): Expression =>
  condition ? parseCondition(stream) : parseOr(stream)

/** Parses an expression, or a tuple without parentheses. */
export const parseTuple = (stream: TokenStream, condition = true): Expression => {
  const first = parseExpression(stream, condition)
  if (!stream.atSign(',')) return first
  const items = [first]
  while (stream.skipSign(',') && !endsTuple(stream)) items.push(parseExpression(stream, condition))
  return { type: 'tuple', items }
}

/** Parses arguments in parentheses. */
export const parseArguments = (stream: TokenStream): Arguments => {
  const positional: Expression[] = []
  const keywords: [string, Expression][] = []
  let spread: Expression | undefined
  let spreadKeywords: Expression | undefined
  const fail = (): never => {
    throw new JinjaError('TemplateSyntaxError', 'invalid syntax for function call expression')
  }
  stream.expectSign('(')
  while (!stream.skipSign(')')) {
    if (stream.skipSign('*')) {
      if (spread !== undefined || spreadKeywords !== undefined) fail()
      spread = parseExpression(stream)
    } else if (stream.skipSign('**')) {
      if (spreadKeywords !== undefined) fail()
      spreadKeywords = parseExpression(stream)
    } else if (stream.current.type === 'name' && stream.next.type === 'sign' && stream.next.value === '=') {
      if (spreadKeywords !== undefined) fail()
      const name = stream.expectName()
      stream.expectSign('=')
      keywords.push([name, parseExpression(stream)])
    } else {
      if (spread !== undefined || spreadKeywords !== undefined || keywords.length > 0) fail()
      positional.push(parseExpression(stream))
    }
    if (!stream.atSign(')')) stream.expectSign(',')
  }
  return { positional, keywords, spread, spreadKeywords }
}

/** No arguments. */
export const noArguments: Arguments = { positional: [], keywords: [], spread: undefined, spreadKeywords: undefined }

const endsTuple = (stream: TokenStream): boolean =>
  stream.current.type === 'variable-end' ||
  stream.current.type === 'block-end' ||
  stream.atSign(')') ||
  stream.atName('in')

const parseCondition = (stream: TokenStream): Expression => {
  let expression = parseOr(stream)
  while (stream.skipName('if')) {
    const test = parseOr(stream)
    const otherwise = stream.skipName('else') ? parseCondition(stream) : undefined
    expression = { type: 'if', test, value: expression, otherwise }
  }
  return expression
}

const parseOr = (stream: TokenStream): Expression => {
  let left = parseAnd(stream)
  while (stream.skipName('or')) left = { type: 'or', left, right: parseAnd(stream) }
  return left
}

const parseAnd = (stream: TokenStream): Expression => {
  let left = parseNot(stream)
  while (stream.skipName('and')) left = { type: 'and', left, right: parseNot(stream) }
  return left
}

const parseNot = (stream: TokenStream): Expression =>
  stream.skipName('not') ? { type: 'not', operand: parseNot(stream) } : parseComparison(stream)

const comparisonSigns = ['==', '!=', '<', '<=', '>', '>=']

const parseComparison = (stream: TokenStream): Expression => {
  const first = parseSigns(stream, 0)
  const rest: [string, Expression][] = []
  for (;;) {
    const sign = comparisonSigns.find((candidate) => stream.skipSign(candidate))
    if (sign !== undefined) rest.push([sign, parseSigns(stream, 0)])
    else if (stream.skipName('in')) rest.push(['in', parseSigns(stream, 0)])
    else if (stream.atName('not') && stream.next.type === 'name' && stream.next.value === 'in') {
      stream.take()
      stream.take()
      rest.push(['not in', parseSigns(stream, 0)])
    } else return rest.length === 0 ? first : { type: 'compare', first, rest }
  }
}

/** Binary signs from the loosest to the tightest; all are left-associative in Jinja, `**` too. */
const levels: readonly (readonly string[])[] = [['+', '-'], ['~'], ['*', '/', '//', '%'], ['**']]

const parseSigns = (stream: TokenStream, level: number): Expression => {
  const signs = levels[level]
  if (signs === undefined) return parseUnary(stream)
  let left = parseSigns(stream, level + 1)
  for (;;) {
    const sign = signs.find((candidate) => stream.skipSign(candidate))
    if (sign === undefined) return left
    left = { type: 'binary', sign, left, right: parseSigns(stream, level + 1) }
  }
}

const parseUnary = (stream: TokenStream, filters = true): Expression => {
  const operand = (type: 'negative' | 'positive'): Expression => ({ type, operand: parseUnary(stream, false) })
  const start = stream.skipSign('-')
    ? operand('negative')
    : stream.skipSign('+')
      ? operand('positive')
      : parsePrimary(stream)
  const value = parsePostfix(stream, start)
  return filters ? parseFilters(stream, value) : value
}

const words: Readonly<Record<string, Value>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
}

const parsePrimary = (stream: TokenStream): Expression => {
  const token = stream.current
  if (token.type === 'name') {
    stream.take()
    return Object.hasOwn(words, token.value)
      ? { type: 'constant', value: words[token.value]! }
      : { type: 'name', name: token.value }
  }
  if (token.type === 'number') {
    stream.take()
    return { type: 'constant', value: token.value }
  }
  if (token.type === 'string') {
    let value = ''
    for (let part = stream.current; part.type === 'string'; part = stream.current) {
      value += part.value
      stream.take()
    }
    return { type: 'constant', value }
  }
  if (stream.skipSign('(')) return parseParentheses(stream)
  if (stream.skipSign('[')) return { type: 'list', items: parseItems(stream, ']', () => parseExpression(stream)) }
  if (stream.skipSign('{')) return { type: 'dict', entries: parseItems(stream, '}', () => parseEntry(stream)) }
  throw unexpected('expression', token)
}

const parseParentheses = (stream: TokenStream): Expression => {
  if (stream.skipSign(')')) return { type: 'tuple', items: [] }
  const inner = parseTuple(stream)
  stream.expectSign(')')
  return inner
}

const parseItems = <T>(stream: TokenStream, closing: string, parse: () => T): T[] => {
  const items: T[] = []
  while (!stream.skipSign(closing)) {
    items.push(parse())
    if (!stream.atSign(closing)) stream.expectSign(',')
  }
  return items
}

const parseEntry = (stream: TokenStream): [Expression, Expression] => {
  const key = parseExpression(stream)
  stream.expectSign(':')
  return [key, parseExpression(stream)]
}

const parsePostfix = (stream: TokenStream, start: Expression): Expression => {
  let value = start
  for (;;) {
    if (stream.skipSign('.')) value = parseMember(stream, value)
    else if (stream.skipSign('[')) value = parseSubscript(stream, value)
    else if (stream.atSign('(')) value = { type: 'call', of: value, args: parseArguments(stream) }
    else return value
  }
}

const parseMember = (stream: TokenStream, of: Expression): Expression => {
  const token = stream.take()
  if (token.type === 'name') return { type: 'attribute', of, name: token.value }
  if (token.type === 'number') return { type: 'item', of, key: { type: 'constant', value: token.value } }
  throw unexpected('name or number', token)
}

const parseSubscript = (stream: TokenStream, of: Expression): Expression => {
  const bounds: (Expression | undefined)[] = []
  const bound = (): Expression | undefined =>
    stream.atSign(':') || stream.atSign(']') ? undefined : parseTuple(stream)
  bounds.push(bound())
  if (!stream.atSign(':')) {
    stream.expectSign(']')
    if (bounds[0] === undefined) throw unexpected('expression', stream.current)
    return { type: 'item', of, key: bounds[0] }
  }
  while (bounds.length < 3 && stream.skipSign(':')) bounds.push(bound())
  stream.expectSign(']')
  return { type: 'slice', of, bounds }
}

const parseFilters = (stream: TokenStream, start: Expression): Expression => {
  let value = start
  for (;;) {
    if (stream.skipSign('|')) value = { type: 'filter', of: value, ...parseFilterCall(stream) }
    else if (stream.skipName('is')) value = parseTest(stream, value)
    else if (stream.atSign('(')) value = { type: 'call', of: value, args: parseArguments(stream) }
    else return value
  }
}

/** Name and arguments of a filter, behind its `|`. */
export const parseFilterCall = (stream: TokenStream): { name: string; args: Arguments } => {
  const name = dottedName(stream)
  return { name, args: stream.atSign('(') ? parseArguments(stream) : noArguments }
}

const dottedName = (stream: TokenStream): string => {
  let name = stream.expectName()
  while (stream.skipSign('.')) name += `.${stream.expectName()}`
  return name
}

const parseTest = (stream: TokenStream, of: Expression): Expression => {
  const negated = stream.skipName('not')
  const name = dottedName(stream)
  const test: Expression = { type: 'test', of, name, args: parseTestArguments(stream) }
  return negated ? { type: 'not', operand: test } : test
}

/** A test takes arguments in parentheses, or one value without. */
const parseTestArguments = (stream: TokenStream): Arguments => {
  if (stream.atSign('(')) return parseArguments(stream)
  const { type } = stream.current
  const starts = type === 'name' || type === 'string' || type === 'number' || stream.atSign('[') || stream.atSign('{')
  if (!starts || stream.atName('else', 'or', 'and')) return noArguments
  if (stream.atName('is')) throw new JinjaError('TemplateSyntaxError', 'You cannot chain multiple tests with is')
  return { ...noArguments, positional: [parsePostfix(stream, parsePrimary(stream))] }
}
