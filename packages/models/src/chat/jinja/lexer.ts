import { Float, integer, JinjaError } from './values'

/** A token of a template: literal text, or a word, literal or sign inside a tag. */
export type Token =
  | { readonly type: 'data'; readonly value: string }
  | { readonly type: 'variable-begin' | 'variable-end' | 'block-begin' | 'block-end' | 'end' }
  | { readonly type: 'name' | 'string' | 'sign'; readonly value: string }
  | { readonly type: 'number'; readonly value: number | bigint | Float }

const signs = /\*\*|\/\/|==|!=|<=|>=|[-+*/%~<>=()[\]{},.:|]/y
const name = /[\p{L}_][\p{L}\p{M}\p{N}\p{Pc}]*/uy
const float = /(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy
const int = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy
const string = /'[^'\\]*(?:\\[\s\S][^'\\]*)*'|"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y

/**
 * Tokens of a template as Transformers sets Jinja up: the newline behind a block tag goes, and so does the white space
 * before one that starts a line (`trim_blocks`, `lstrip_blocks`).
 *
 * @throws JinjaError `TemplateSyntaxError`
 */
export const tokenize = (template: string): Token[] => {
  const source = template.replace(/\r\n?/g, '\n').replace(/\n$/, '')
  const tokens: Token[] = []
  let at = 0
  let lineStart = true // nothing but white space stands before `at` on its line
  const addData = (text: string): void => {
    if (text !== '') tokens.push({ type: 'data', value: text })
  }
  while (at < source.length) {
    const opening = nextTag(source, at)
    if (opening === undefined) {
      addData(source.slice(at))
      break
    }
    const text = source.slice(at, opening.index)
    addData(before(text, opening.sign, opening.kind !== '{{', lineStart))
    at = opening.index + 2 + opening.sign.length
    if (opening.kind === '{#') at = commentEnd(source, at)
    else if (opening.kind === 'raw') {
      const raw = rawBlock(source, opening.bodyAt)
      addData(before(raw.text, raw.sign, true, false))
      at = raw.end
    } else at = readTag(source, at, opening.kind, tokens)
    lineStart = source[at - 1] === '\n'
  }
  tokens.push({ type: 'end' })
  return tokens
}

interface Opening {
  readonly index: number
  readonly kind: '{{' | '{%' | '{#' | 'raw'
  /** `-`, `+` or nothing. */
  readonly sign: string
  /** Where the body of a raw block starts. */
  readonly bodyAt: number
}

const nextTag = (source: string, from: number): Opening | undefined => {
  const tag = /\{([{%#])([-+]?)/g
  tag.lastIndex = from
  const match = tag.exec(source)
  if (match === null) return undefined
  const [, letter, sign = ''] = match
  const raw = letter === '%' ? /^\{%[-+]?\s*raw\s*(?:-%\}\s*|%\})/.exec(source.slice(match.index)) : null
  const kind = raw === null ? (`{${letter}` as '{{' | '{%' | '{#') : 'raw'
  return { index: match.index, kind, sign, bodyAt: match.index + (raw?.[0].length ?? 0) }
}

/** Text before a tag, less the white space that the tag takes. */
const before = (text: string, sign: string, strips: boolean, lineStart: boolean): string => {
  if (sign === '-') return text.replace(/\s+$/, '')
  if (sign === '+' || !strips) return text
  const line = text.lastIndexOf('\n') + 1
  return (line > 0 || lineStart) && /^\s+$/.test(text.slice(line)) ? text.slice(0, line) : text
}

const commentEnd = (source: string, from: number): number => {
  const end = /\+#\}|-#\}\s*|#\}\n?/g
  end.lastIndex = from
  if (end.exec(source) === null) throw new JinjaError('TemplateSyntaxError', 'Missing end of comment tag')
  return end.lastIndex
}

const rawBlock = (source: string, from: number): { text: string; sign: string; end: number } => {
  const end = /\{%([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}\n?)/g
  end.lastIndex = from
  const match = end.exec(source)
  if (match === null) throw new JinjaError('TemplateSyntaxError', 'Missing end of raw directive')
  return { text: source.slice(from, match.index), sign: match[1]!, end: end.lastIndex }
}

const closings: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }

/** Reads the tokens of one tag and returns the index behind it. */
const readTag = (source: string, from: number, kind: '{{' | '{%', tokens: Token[]): number => {
  tokens.push({ type: kind === '{{' ? 'variable-begin' : 'block-begin' })
  const end = kind === '{{' ? /-\}\}\s*|\}\}/y : /\+%\}|-%\}\s*|%\}\n?/y
  const open: string[] = []
  for (let at = from; ; ) {
    at += matchAt(/\s*/y, source, at)!.length
    const closing = open.length === 0 ? matchAt(end, source, at) : undefined
    if (closing !== undefined) {
      tokens.push({ type: kind === '{{' ? 'variable-end' : 'block-end' })
      return at + closing.length
    }
    const [token, length] = readToken(source, at)
    if (token.type === 'sign') balance(token.value, open)
    tokens.push(token)
    at += length
  }
}

const readToken = (source: string, at: number): [Token, number] => {
  const word = matchAt(name, source, at)
  if (word !== undefined) return [{ type: 'name', value: word }, word.length]
  const inexact = source[at - 1] === '.' ? undefined : matchAt(float, source, at)
  if (inexact !== undefined)
    return [{ type: 'number', value: new Float(Number(inexact.replaceAll('_', ''))) }, inexact.length]
  const exact = matchAt(int, source, at)
  if (exact !== undefined) return [{ type: 'number', value: integer(BigInt(exact.replaceAll('_', ''))) }, exact.length]
  const text = matchAt(string, source, at)
  if (text !== undefined) return [{ type: 'string', value: decodeEscapes(text.slice(1, -1)) }, text.length]
  const sign = matchAt(signs, source, at)
  if (sign !== undefined) return [{ type: 'sign', value: sign }, sign.length]
  if (at >= source.length) throw new JinjaError('TemplateSyntaxError', 'unexpected end of template')
  throw new JinjaError('TemplateSyntaxError', `unexpected char '${source[at]}' at ${at}`)
}

const balance = (sign: string, open: string[]): void => {
  if (closings[sign] !== undefined) open.push(closings[sign])
  else if (sign === ')' || sign === ']' || sign === '}') {
    const expected = open.pop()
    if (expected !== sign)
      throw new JinjaError(
        'TemplateSyntaxError',
        `unexpected '${sign}'${expected === undefined ? '' : `, expected '${expected}'`}`,
      )
  }
}

const matchAt = (pattern: RegExp, source: string, at: number): string | undefined => {
  pattern.lastIndex = at
  return pattern.exec(source)?.[0]
}

const simple: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\x07',
  '\n': '',
}

/** Escapes of Python string literals; an unknown one keeps its backslash. */
const decodeEscapes = (text: string): string =>
  text.replace(/\\(x[\da-f]{2}|u[\da-f]{4}|U[\da-f]{8}|[0-7]{1,3}|[\s\S])/gi, (whole, code: string) => {
    if (/^[xuU]./.test(code) && code.length > 1) return String.fromCodePoint(Number.parseInt(code.slice(1), 16))
    if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8))
    if (code === '\\' || code === "'" || code === '"') return code
    return simple[code] ?? whole
  })
