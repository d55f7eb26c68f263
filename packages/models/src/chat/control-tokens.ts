import type { Engine } from '../tokenizer/engine'
import { escapeRegex } from '../tokenizer/regex'
import { refused } from './messages'

/** Private-use characters that stand around a control token that came from a message. */
const [begin, end] = ['\ue0b1', '\ue0b3']

/** Keeps control tokens that stand in messages apart from those that the template writes. */
export interface ControlTokens {
  /** The data with its control tokens marked, in every text at any depth; keys of objects stay. */
  mark<T>(data: T): T
  /** Ids of a text rendered from marked data: marked tokens are read as ordinary text. */
  encode(rendered: string): number[]
}

/**
 * Control tokens are special tokens and the added tokens that the template itself writes.
 *
 * @param literals  texts that stand in the template
 */
export const controlTokens = (engine: Engine, literals: readonly string[]): ControlTokens => {
  const written = literals.join('\0')
  const added = [...engine.added.values()]
  const control = added.filter(
    ({ content, special }) => special || (content.trim() !== '' && written.includes(content)),
  )
  const anyControl = anyOf(control.map(({ content }) => content))
  const marked = new RegExp(`${begin}(${anyOf(added.map(({ content }) => content))})${end}|[${begin}${end}]`, 'u')
  const newline = engine.encode('\n')

  /** Ids in the middle of a text: behind a newline no tokenizer adds a dummy space. */
  const encodePiece = (piece: string, literal: 'none' | 'all'): number[] => {
    const ids = engine.encode(`\n${piece}`, literal)
    const starts = newline.every((id, i) => ids[i] === id)
    return starts ? ids.slice(newline.length) : engine.encode(piece, literal)
  }
  const mark = (data: unknown): unknown => {
    if (typeof data === 'string') {
      const clean = data.replaceAll(begin, '').replaceAll(end, '') // nobody shall forge a mark
      return clean.replace(new RegExp(anyControl, 'gu'), (token) => begin + token + end)
    }
    if (Array.isArray(data)) return data.map(mark)
    if (typeof data !== 'object' || data === null || Object.getPrototypeOf(data) !== Object.prototype) return data
    return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, mark(value)]))
  }
  return {
    mark: <T>(data: T) => mark(data) as T,
    encode(rendered) {
      const [first = '', ...pieces] = rendered.split(marked)
      const ids = engine.encode(first)
      pieces.forEach((piece, i) => {
        if (piece === undefined || piece === '') return
        const isToken = i % 2 === 0
        const own = encodePiece(piece, isToken ? 'all' : 'none')
        if (isToken && own.includes(engine.tokenToId(piece) ?? -1))
          throw refused(
            `plain text for ${piece}, got a tokenizer that makes the token from it`,
            'Leave out sanitizeControlTokens.',
          )
        for (const id of own) ids.push(id)
      })
      return ids
    },
  }
}

/** Regular expression source of any of the texts, longer ones first; it never matches where there are none. */
const anyOf = (texts: readonly string[]): string =>
  texts.length === 0
    ? '(?!)'
    : [...texts]
        .sort((a, b) => b.length - a.length)
        .map(escapeRegex)
        .join('|')
