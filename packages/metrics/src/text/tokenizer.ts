import { MetricsError } from '../errors'
import { splitPunctuation } from './punctuation'
import { encodeZh } from './tokenize-zh'
import { type Interner, interner, pushToken, type TokenBuffer, tokenBuffer } from './tokens'
import { isWhitespace, splitWhitespace, stripEnd } from './whitespace'

/** Cuts text into words; `name` stands in signatures. A `Segmenter` of `loadJieba` is one. */
export interface Tokenizer {
  readonly name: string
  /** The tokens of `text`, in order. */
  cut(text: string): string[]
}

/** Tokenizers built in, with the meaning they have in sacrebleu. */
export type TokenizerName = 'zh' | 'char' | '13a' | 'intl' | 'none'

/** Appends the tokens of a text as numbers. */
export type Encoder = (text: string, tokens: Interner, buffer: TokenBuffer) => void

const encoders: Readonly<Record<TokenizerName, Encoder>> = {
  zh: encodeZh,
  char: encodeCharacters,
  '13a': (text, tokens, buffer) => pushAll(words13a(text), tokens, buffer),
  intl: (text, tokens, buffer) => pushAll(wordsInternational(text), tokens, buffer),
  none: (text, tokens, buffer) => pushAll(splitWhitespace(text), tokens, buffer),
}

/** The encoder behind a tokenizer's name or object. Words of an object are split at white space, as sacrebleu does. */
export function encoderOf(tokenizer: TokenizerName | Tokenizer): Encoder {
  if (typeof tokenizer !== 'string') return (text, tokens, buffer) => encodeWith(tokenizer, text, tokens, buffer)
  const encoder = Object.hasOwn(encoders, tokenizer) ? encoders[tokenizer] : undefined
  if (encoder === undefined) throw unknownTokenizer(tokenizer)
  return encoder
}

/** Name of a tokenizer as signatures print it. */
export const tokenizerName = (tokenizer: TokenizerName | Tokenizer): string =>
  typeof tokenizer === 'string' ? tokenizer : tokenizer.name

/**
 * The tokens of `text` as sacrebleu's tokenizer of that name gives them; trailing white space is dropped first.
 *
 * @throws MetricsError `option` for a name that is not built in
 */
export function tokenize(text: string, tokenizer: TokenizerName | Tokenizer = 'zh'): string[] {
  const buffer = tokenBuffer()
  const numbers = interner()
  const words = new Map<number, string>()
  const recorder: Interner = {
    id(token) {
      const id = numbers.id(token)
      words.set(id, token)
      return id
    },
  }
  encoderOf(tokenizer)(stripEnd(text), recorder, buffer)
  // Numbers without an entry are code points that an encoder appended directly.
  return Array.from(buffer.ids.subarray(0, buffer.length), (id) => words.get(id) ?? String.fromCodePoint(id))
}

function encodeCharacters(text: string, _tokens: Interner, buffer: TokenBuffer): void {
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i)!
    if (code > 0xffff) i++
    if (!isWhitespace(code)) pushToken(buffer, code)
  }
}

function encodeWith(tokenizer: Tokenizer, text: string, tokens: Interner, buffer: TokenBuffer): void {
  for (const word of tokenizer.cut(text)) pushAll(splitWhitespace(word), tokens, buffer)
}

function pushAll(words: readonly string[], tokens: Interner, buffer: TokenBuffer): void {
  for (const word of words) pushToken(buffer, tokens.id(word))
}

/** mteval-v13a: joins hyphenated line ends, decodes four entities, then splits off punctuation. */
function words13a(text: string): string[] {
  let line = text.replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ')
  if (line.includes('&'))
    line = line.replaceAll('&quot;', '"').replaceAll('&amp;', '&').replaceAll('&lt;', '<').replaceAll('&gt;', '>')
  return splitPunctuation(` ${line} `)
}

/** mteval-v14 international: punctuation stands alone unless between numbers, symbols always do. */
function wordsInternational(text: string): string[] {
  return splitWhitespace(
    text
      .replace(/(\P{N})(\p{P})/gu, '$1 $2 ')
      .replace(/(\p{P})(\P{N})/gu, ' $1 $2')
      .replace(/\p{S}/gu, ' $& '),
  )
}

function unknownTokenizer(name: string): MetricsError {
  const names = Object.keys(encoders).join(', ')
  return new MetricsError(
    'option',
    `tokenize: expected a tokenizer of ${names}, got '${name}'. Words of jieba come from loadJieba().`,
    { operation: 'tokenize' },
  )
}
