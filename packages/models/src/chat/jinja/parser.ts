import type { Expression, FilterCall, Macro, Parameter, Statement, Target } from './ast'
import { parseExpression, parseFilterCall, parseTuple } from './expressions'
import { tokenize } from './lexer'
import { type TokenStream, tokenStream, unexpected } from './stream'
import { JinjaError } from './values'
import { namesIn } from './visit'

/** Statements of a template. @throws JinjaError `TemplateSyntaxError` */
export const parseTemplate = (source: string): Statement[] => {
  const stream = tokenStream(tokenize(source))
  const body = parseBody(stream, [])
  if (stream.current.type !== 'end') throw unexpected('end of template', stream.current)
  return body
}

/** Statements up to a block tag with one of the given names, which stays current behind its `{%`. */
const parseBody = (stream: TokenStream, ends: readonly string[]): Statement[] => {
  const body: Statement[] = []
  for (;;) {
    const token = stream.current
    if (token.type === 'end') {
      if (ends.length > 0)
        throw new JinjaError(
          'TemplateSyntaxError',
          `Unexpected end of template. Jinja was looking for the following tags: '${ends.join("' or '")}'.`,
        )
      return body
    }
    stream.take()
    if (token.type === 'data') body.push({ type: 'text', text: token.value })
    else if (token.type === 'variable-begin') {
      body.push({ type: 'output', value: parseTuple(stream) })
      stream.expect('variable-end')
    } else {
      if (stream.atName(...ends)) return body
      body.push(parseStatement(stream))
    }
  }
}

/** Statements up to the tag `end`, which is consumed. */
const parseUntil = (stream: TokenStream, end: string): Statement[] => {
  stream.expect('block-end')
  const body = parseBody(stream, [end])
  stream.take()
  stream.expect('block-end')
  return body
}

const parseStatement = (stream: TokenStream): Statement => {
  if (stream.current.type !== 'name') throw unexpected('expression', stream.current)
  const tag = stream.expectName()
  const parse = Object.hasOwn(tags, tag) ? tags[tag] : undefined
  if (parse === undefined) throw new JinjaError('TemplateSyntaxError', `Encountered unknown tag '${tag}'.`)
  return parse(stream)
}

const tags: Readonly<Record<string, (stream: TokenStream) => Statement>> = {
  if: parseIf,
  for: parseFor,
  set: parseSet,
  with: parseWith,
  macro: parseMacro,
  call: parseCall,
  filter: (stream) => {
    const filters = parseFilterChain(stream)
    return { type: 'filter-block', filters, body: parseUntil(stream, 'endfilter') }
  },
  generation: (stream) => ({ type: 'generation', body: parseUntil(stream, 'endgeneration') }),
  break: (stream) => jump(stream, 'break'),
  continue: (stream) => jump(stream, 'continue'),
}

const jump = (stream: TokenStream, type: 'break' | 'continue'): Statement => {
  stream.expect('block-end')
  return { type }
}

function parseIf(stream: TokenStream): Statement {
  const branches: [Expression, Statement[]][] = []
  let otherwise: Statement[] = []
  for (;;) {
    const test = parseTuple(stream, false)
    stream.expect('block-end')
    branches.push([test, parseBody(stream, ['elif', 'else', 'endif'])])
    if (stream.skipName('elif')) continue
    if (stream.skipName('else')) {
      stream.expect('block-end')
      otherwise = parseBody(stream, ['endif'])
    }
    stream.expectName('endif')
    stream.expect('block-end')
    return { type: 'if', branches, otherwise }
  }
}

function parseFor(stream: TokenStream): Statement {
  const target = parseTarget(stream)
  stream.expectName('in')
  const items = parseTuple(stream, false)
  const filter = stream.skipName('if') ? parseExpression(stream) : undefined
  const recursive = stream.skipName('recursive')
  stream.expect('block-end')
  const body = parseBody(stream, ['else', 'endfor'])
  let otherwise: Statement[] = []
  if (stream.skipName('else')) {
    stream.expect('block-end')
    otherwise = parseBody(stream, ['endfor'])
  }
  stream.expectName('endfor')
  stream.expect('block-end')
  return { type: 'for', target, items, filter, body, otherwise, recursive }
}

function parseSet(stream: TokenStream): Statement {
  const target = parseTarget(stream)
  if (stream.skipSign('=')) {
    const value = parseTuple(stream)
    stream.expect('block-end')
    return { type: 'set', target, value }
  }
  const filters = stream.skipSign('|') ? parseFilterChain(stream) : []
  return { type: 'set-block', target, filters, body: parseUntil(stream, 'endset') }
}

function parseWith(stream: TokenStream): Statement {
  const assignments: [Target, Expression][] = []
  while (stream.current.type !== 'block-end') {
    if (assignments.length > 0) stream.expectSign(',')
    const target = parseSingleTarget(stream)
    stream.expectSign('=')
    assignments.push([target, parseExpression(stream)])
  }
  return { type: 'with', assignments, body: parseUntil(stream, 'endwith') }
}

function parseMacro(stream: TokenStream): Statement {
  const name = stream.expectName()
  const parameters = parseParameters(stream)
  return { type: 'macro', macro: macroOf(name, parameters, parseUntil(stream, 'endmacro')) }
}

function parseCall(stream: TokenStream): Statement {
  const parameters = stream.atSign('(') ? parseParameters(stream) : []
  const call = parseExpression(stream)
  if (call.type !== 'call') throw new JinjaError('TemplateSyntaxError', 'expected call')
  return { type: 'call-block', call, caller: macroOf('caller', parameters, parseUntil(stream, 'endcall')) }
}

const macroOf = (name: string, parameters: readonly Parameter[], body: readonly Statement[]): Macro => ({
  name,
  parameters,
  body,
  names: namesIn(body),
})

const parseParameters = (stream: TokenStream): Parameter[] => {
  const parameters: Parameter[] = []
  stream.expectSign('(')
  while (!stream.skipSign(')')) {
    const name = stream.expectName()
    const fallback = stream.skipSign('=') ? parseExpression(stream) : undefined
    if (fallback === undefined && parameters.at(-1)?.fallback !== undefined)
      throw new JinjaError('TemplateSyntaxError', 'non-default argument follows default argument')
    parameters.push({ name, fallback })
    if (!stream.atSign(')')) stream.expectSign(',')
  }
  return parameters
}

const parseFilterChain = (stream: TokenStream): FilterCall[] => {
  const filters = [parseFilterCall(stream)]
  while (stream.skipSign('|')) filters.push(parseFilterCall(stream))
  return filters
}

/** One name, or several with commas between them. */
const parseTarget = (stream: TokenStream): Target => {
  const first = parseSingleTarget(stream)
  if (!stream.atSign(',')) return first
  const targets = [first]
  while (stream.skipSign(',') && stream.current.type === 'name' && !stream.atName('in'))
    targets.push(parseSingleTarget(stream))
  return { type: 'tuple', targets }
}

const reserved: readonly string[] = ['true', 'false', 'none', 'True', 'False', 'None']

const parseSingleTarget = (stream: TokenStream): Target => {
  if (stream.skipSign('(')) {
    const inner = parseTarget(stream)
    stream.expectSign(')')
    return inner
  }
  if (stream.current.type !== 'name') throw unexpected('expression', stream.current)
  const name = stream.expectName()
  if (reserved.includes(name)) throw new JinjaError('TemplateSyntaxError', "can't assign to 'const'")
  return stream.skipSign('.') ? { type: 'member', name, attribute: stream.expectName() } : { type: 'name', name }
}
