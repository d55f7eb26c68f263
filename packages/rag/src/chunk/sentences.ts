/** A stretch of a text: `text.slice(start, end)`. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Marks that end a sentence wherever they stand. */
const closing = /[。！？；…\n\r]/
/** ASCII marks, which also stand inside addresses and numbers (37.5, page?id=7). */
const asciiClosing = /[.!?;．]/
/** What may follow a mark and still belongs to the sentence. */
const trailing = /[。！？；…!?;”’」』）)】》〉"']/
/** Words before a full stop that do not end an English sentence. */
const abbreviation =
  /(?:^|[\s(])(?:Dr|Mr|Mrs|Ms|Prof|St|vs|etc|e\.g|i\.e|cf|approx|No|Fig|Tab|Vol|al|Inc|Ltd|Jr|Sr|pp?|\p{Lu})$/u

/**
 * The sentences of a Chinese, English or mixed text, in order and without gaps: their slices joined are the text. White
 * space after a sentence belongs to it.
 *
 * Sentences end at line breaks and after 。！？；… with the closing quotes that follow; after . ! ? ; only before white
 * space or Chinese, and not after an abbreviation, an initial, or the number of a list item.
 */
export function sentences(text: string): Span[] {
  const spans: Span[] = []
  let start = 0
  for (let i = 0; i < text.length; ) {
    if (!endsAt(text, i, start)) {
      i++
      continue
    }
    const end = afterSpace(text, afterTrailing(text, i + 1))
    spans.push({ start, end })
    start = i = end
  }
  if (start < text.length) spans.push({ start, end: text.length })
  return spans
}

function endsAt(text: string, i: number, start: number): boolean {
  const mark = text[i]!
  if (closing.test(mark)) return true
  if (!asciiClosing.test(mark)) return false
  const next = text[afterTrailing(text, i + 1)] ?? ' '
  if (/[\x21-\x7e]/.test(next)) return false
  if (mark !== '.') return true
  if (/\S/.test(next) && /\d/.test(text[i - 1] ?? '')) return false
  return !abbreviation.test(text.slice(Math.max(start, i - 12), i))
}

function afterTrailing(text: string, from: number): number {
  let i = from
  while (i < text.length && trailing.test(text[i]!)) i++
  return i
}

function afterSpace(text: string, from: number): number {
  let i = from
  while (i < text.length && /\s/.test(text[i]!)) i++
  return i
}
