import { splitPunctuation } from './punctuation'
import { type Interner, pushToken, type TokenBuffer } from './tokens'
import { isWhitespace } from './whitespace'

/**
 * Whether sacrebleu's `zh` tokenizer sets a character apart. Its table writes two ranges with five hex digits in
 * four-digit escapes: they come out as U+2001..U+2A6D (so `℃`, `…`, `—`, curly quotes are set apart) and U+2F81..U+2FA1,
 * and ideographs beyond the basic plane are not.
 */
export function isChinese(code: number): boolean {
  if (code < 0x2001) return false
  if (code >= 0x4e00) {
    if (code <= 0x9fbb) return true
    return (
      (code >= 0xf900 && code <= 0xfa2d) ||
      (code >= 0xfa30 && code <= 0xfa6a) ||
      (code >= 0xfa70 && code <= 0xfad9) ||
      (code >= 0xfe10 && code <= 0xfe1f) ||
      (code >= 0xfe30 && code <= 0xfe4f) ||
      (code >= 0xff00 && code <= 0xffef)
    )
  }
  return (
    code <= 0x2a6d ||
    (code >= 0x2e80 && code <= 0x2eff) ||
    (code >= 0x2f00 && code <= 0x2fdf) ||
    (code >= 0x2ff0 && code <= 0x303f) ||
    (code >= 0x3100 && code <= 0x312f) ||
    (code >= 0x31a0 && code <= 0x31bf) ||
    (code >= 0x31c0 && code <= 0x31ef) ||
    (code >= 0x3200 && code <= 0x33ff) ||
    (code >= 0x3400 && code <= 0x4db5)
  )
}

/** Appends the tokens of `text` under sacrebleu's `zh` rules: characters for Chinese, mteval words for the rest. */
export function encodeZh(text: string, tokens: Interner, buffer: TokenBuffer): void {
  const start = firstVisible(text)
  const end = lastVisible(text, start)
  let i = start
  while (i < end) {
    const code = text.charCodeAt(i)
    if (isChinese(code)) {
      // Some separated characters (U+3000, U+2003, ...) are white space and vanish in the split that follows.
      if (!isWhitespace(code)) pushToken(buffer, code)
      i++
      continue
    }
    let j = i + 1
    while (j < end && !isChinese(text.charCodeAt(j))) j++
    encodeForeign(text, i, j, i > start, j < end, tokens, buffer)
    i = j
  }
}

/** A stretch without Chinese characters; next to one it sees the space that the tokenizer puts there. */
function encodeForeign(
  text: string,
  from: number,
  to: number,
  spaceBefore: boolean,
  spaceAfter: boolean,
  tokens: Interner,
  buffer: TokenBuffer,
): void {
  if (isPlain(text, from, to)) {
    pushToken(buffer, tokens.id(text.slice(from, to)))
    return
  }
  const line = `${spaceBefore ? ' ' : ''}${text.slice(from, to)}${spaceAfter ? ' ' : ''}`
  for (const word of splitPunctuation(line)) pushToken(buffer, tokens.id(word))
}

/** Letters and digits of ASCII only: one token as it stands. */
function isPlain(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i)
    const plain = (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)
    if (!plain) return false
  }
  return true
}

function firstVisible(text: string): number {
  let i = 0
  while (i < text.length && isWhitespace(text.charCodeAt(i))) i++
  return i
}

function lastVisible(text: string, start: number): number {
  let end = text.length
  while (end > start && isWhitespace(text.charCodeAt(end - 1))) end--
  return end
}
