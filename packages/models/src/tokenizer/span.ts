/**
 * A piece of text on its way through a tokenizer, with the place each of its UTF-16 units came from. Unchanged text
 * carries only a shift; arrays appear with the first change.
 */
export interface Span {
  readonly text: string
  /** Original index of the first unit. */
  readonly base: number
  /** Original range of each unit, where the text was changed and places are wanted. */
  readonly places: Places | undefined
}

/** Original begin and end of each unit; both units of a surrogate pair carry the range of their character. */
export interface Places {
  readonly begins: Int32Array
  readonly ends: Int32Array
}

/** Original text as a span. */
export const spanOf = (text: string, base = 0): Span => ({ text, base, places: undefined })

/** Part of a span between two units. */
export const sliceSpan = ({ text, base, places }: Span, from: number, to: number): Span => ({
  text: text.slice(from, to),
  base: base + from,
  places: places && { begins: places.begins.subarray(from, to), ends: places.ends.subarray(from, to) },
})

/** Original begin of the character at unit `index`. */
export const beginAt = ({ base, places }: Span, index: number): number => places?.begins[index] ?? base + index

/** Original end of the character that ends before unit `index`. */
export const endAt = ({ base, places }: Span, index: number): number => places?.ends[index - 1] ?? base + index

/**
 * A span with every match replaced; replacements take the place of the last character they stand for.
 *
 * @param pattern      regular expression with the flags g and u
 * @param replacement  text, or a function of the match
 * @param track        whether places are wanted
 */
export const replaceIn = (
  span: Span,
  pattern: RegExp,
  replacement: string | ((match: string) => string),
  track: boolean,
): Span => {
  const replace = typeof replacement === 'string' ? () => replacement : replacement
  const text = span.text.replace(pattern, (match) => replace(match))
  if (text === span.text) return span
  if (!track) return { text, base: span.base, places: undefined }
  const writer = placesWriter(span, text.length)
  let last = 0
  for (const match of span.text.matchAll(pattern)) {
    const end = match.index + match[0].length
    writer.copy(last, match.index)
    writer.add(replace(match[0]).length, characterBefore(span.text, end), end)
    last = end
  }
  writer.copy(last, span.text.length)
  return { text, base: span.base, places: writer.places }
}

/** A span with text put before it; the addition takes the place of the first character. Empty spans stay empty. */
export const prependTo = (span: Span, prefix: string, track: boolean): Span => {
  if (span.text === '') return span
  const text = prefix + span.text
  if (!track) return { text, base: span.base, places: undefined }
  const writer = placesWriter(span, text.length)
  writer.add(prefix.length, 0, span.text.codePointAt(0)! > 0xffff ? 2 : 1)
  writer.copy(0, span.text.length)
  return { text, base: span.base, places: writer.places }
}

/** Fills the places of a new text from those of `source`, from left to right. */
export const placesWriter = (source: Span, length: number) => {
  const begins = new Int32Array(length)
  const ends = new Int32Array(length)
  let position = 0
  return {
    places: { begins, ends },
    /** `units` new units that stand for the source's units `from` to `to`. */
    add(units: number, from: number, to: number): void {
      begins.fill(beginAt(source, from), position, position + units)
      ends.fill(endAt(source, to), position, position + units)
      position += units
    },
    /** Unchanged units. */
    copy(from: number, to: number): void {
      for (let unit = from; unit < to; ) {
        const next = unit + (isPair(source.text, unit) ? 2 : 1)
        this.add(next - unit, unit, next)
        unit = next
      }
    },
  }
}

/** True when a surrogate pair starts at `index`. */
export const isPair = (text: string, index: number): boolean => (text.charCodeAt(index) & 0xfc00) === 0xd800

const characterBefore = (text: string, end: number): number =>
  end >= 2 && (text.charCodeAt(end - 1) & 0xfc00) === 0xdc00 ? end - 2 : end - 1
