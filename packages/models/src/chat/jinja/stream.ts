import type { Token } from './lexer'
import { JinjaError } from './values'

/** Tokens that are consumed from left to right. */
export interface TokenStream {
  readonly current: Token
  readonly next: Token
  /** Takes the current token. */
  take(): Token
  /** True when the current token is this sign. */
  atSign(sign: string): boolean
  /** True when the current token is one of these names. */
  atName(...names: readonly string[]): boolean
  /** Takes the sign if it is there. */
  skipSign(sign: string): boolean
  skipName(name: string): boolean
  expectSign(sign: string): void
  expectName(name?: string): string
  expect(type: Token['type']): void
}

/** A stream over tokens whose last one is `end`. */
export const tokenStream = (tokens: readonly Token[]): TokenStream => {
  let at = 0
  const peek = (distance: number): Token => tokens[Math.min(at + distance, tokens.length - 1)]!
  const stream: TokenStream = {
    get current() {
      return peek(0)
    },
    get next() {
      return peek(1)
    },
    take() {
      const token = peek(0)
      at++
      return token
    },
    atSign: (sign) => stream.current.type === 'sign' && stream.current.value === sign,
    atName: (...names) => stream.current.type === 'name' && names.includes(stream.current.value),
    skipSign(sign) {
      const there = stream.atSign(sign)
      if (there) at++
      return there
    },
    skipName(name) {
      const there = stream.atName(name)
      if (there) at++
      return there
    },
    expectSign(sign) {
      if (!stream.skipSign(sign)) throw unexpected(`token '${sign}'`, stream.current)
    },
    expectName(name) {
      const token = stream.current
      if (token.type !== 'name' || (name !== undefined && token.value !== name))
        throw unexpected(`token '${name ?? 'name'}'`, token)
      at++
      return token.value
    },
    expect(type) {
      if (stream.current.type !== type) throw unexpected(`token '${described[type]}'`, stream.current)
      at++
    },
  }
  return stream
}

const described: Readonly<Record<Token['type'], string>> = {
  data: 'template data / text',
  'variable-begin': 'begin of print statement',
  'variable-end': 'end of print statement',
  'block-begin': 'begin of statement block',
  'block-end': 'end of statement block',
  end: 'end of template',
  name: 'name',
  string: 'string',
  number: 'number',
  sign: 'sign',
}

/** Syntax error that names what stood in the place of what was expected. */
export const unexpected = (expected: string, token: Token): JinjaError => {
  const there = token.type === 'name' || token.type === 'sign' ? token.value : described[token.type]
  return new JinjaError(
    'TemplateSyntaxError',
    `Expected ${expected === 'expression' ? 'an expression' : expected}, got '${there}'`,
  )
}
