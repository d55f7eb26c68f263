/**
 * Numbers for tokens, so that n-grams are compared as integers: a token of one code point is that code point, every other
 * token gets the next number above them.
 */
export interface Interner {
  /** The number of a token. */
  id(token: string): number
}

const firstWordId = 0x110000

/** A table of token numbers; equal tokens get equal numbers for as long as the table is used. */
export function interner(): Interner {
  const words = new Map<string, number>()
  return {
    id(token) {
      const code = token.codePointAt(0) ?? -1
      if (token.length === (code > 0xffff ? 2 : 1)) return code
      let id = words.get(token)
      if (id === undefined) {
        id = firstWordId + words.size
        words.set(token, id)
      }
      return id
    },
  }
}

/** A growing list of token numbers, reused from text to text. `length` says how many of `ids` count. */
export interface TokenBuffer {
  ids: Int32Array
  length: number
}

/** An empty buffer with room for `capacity` tokens. */
export const tokenBuffer = (capacity = 512): TokenBuffer => ({ ids: new Int32Array(capacity), length: 0 })

/** Appends one token number, growing the buffer where needed. */
export function pushToken(buffer: TokenBuffer, id: number): void {
  if (buffer.length === buffer.ids.length) {
    const grown = new Int32Array(buffer.ids.length * 2)
    grown.set(buffer.ids)
    buffer.ids = grown
  }
  buffer.ids[buffer.length++] = id
}

/** Number of code points of `text`. A lone surrogate counts as one. */
export function countCodePoints(text: string): number {
  let count = text.length
  for (let i = 0; i + 1 < text.length; i++) {
    if ((text.charCodeAt(i) & 0xfc00) !== 0xd800 || (text.charCodeAt(i + 1) & 0xfc00) !== 0xdc00) continue
    count--
    i++
  }
  return count
}

/** Order of two strings by code points, as Python sorts; JavaScript's `<` goes by UTF-16 units. */
export function compareCodePoints(a: string, b: string): number {
  const left = [...a]
  const right = [...b]
  for (let i = 0; i < left.length && i < right.length; i++) {
    const difference = left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!
    if (difference !== 0) return difference
  }
  return left.length - right.length
}
