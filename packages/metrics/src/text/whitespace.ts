/**
 * White space as Python's `str.split`, `str.strip` and `\s` see it. JavaScript's differs: it counts U+FEFF and does not
 * count U+001C..U+001F and U+0085, so scores of text with such characters would drift from the reference.
 */
export function isWhitespace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x1f)
  if (code < 0x85) return false
  if (code === 0x85 || code === 0xa0 || code === 0x1680) return true
  if (code < 0x2000) return false
  return code <= 0x200a || code === 0x2028 || code === 0x2029 || code === 0x202f || code === 0x205f || code === 0x3000
}

/** The words of `text` between runs of white space; none for blank text. */
export function splitWhitespace(text: string): string[] {
  const words: string[] = []
  let start = -1
  for (let i = 0; i < text.length; i++) {
    if (isWhitespace(text.charCodeAt(i))) {
      if (start >= 0) words.push(text.slice(start, i))
      start = -1
    } else if (start < 0) start = i
  }
  if (start >= 0) words.push(text.slice(start))
  return words
}

/** `text` without trailing white space. */
export function stripEnd(text: string): string {
  let end = text.length
  while (end > 0 && isWhitespace(text.charCodeAt(end - 1))) end--
  return end === text.length ? text : text.slice(0, end)
}

/** `text` without leading and trailing white space. */
export function strip(text: string): string {
  let start = 0
  while (start < text.length && isWhitespace(text.charCodeAt(start))) start++
  return stripEnd(start === 0 ? text : text.slice(start))
}
