import { type Span, sentences } from './sentences'

/** Length of a piece of text, in the unit of the limit. */
export type Measure = (text: string) => number

/** A stretch with its length. */
export interface Unit extends Span {
  readonly length: number
}

/**
 * The smallest pieces that a chunk is made of, in order and without gaps: sentences; where one is longer than `limit`,
 * its clauses; where one of those is, its words and characters.
 */
export function sentenceUnits(text: string, measure: Measure, limit: number): Unit[] {
  return fitted(text, sentences(text), measure, limit, [clauses, atoms, characters])
}

/** The same without regard to sentences: words and characters. */
export function plainUnits(text: string, measure: Measure, limit: number): Unit[] {
  return fitted(text, atoms(text, 0, text.length), measure, limit, [characters])
}

type Cut = (text: string, start: number, end: number) => Span[]

function fitted(text: string, spans: readonly Span[], measure: Measure, limit: number, finer: readonly Cut[]): Unit[] {
  return spans.flatMap((span) => {
    const unit = measured(text, span, measure)
    const [cut, ...rest] = finer
    if (unit.length <= limit || cut === undefined) return [unit]
    return fitted(text, cut(text, span.start, span.end), measure, limit, rest)
  })
}

const measured = (text: string, { start, end }: Span, measure: Measure): Unit => ({
  start,
  end,
  length: measure(text.slice(start, end)),
})

/** Stretches that end after a comma, colon or enumeration mark; an ASCII one only before white space. */
const clauses: Cut = (text, start, end) => pieces(text, start, end, /(?:[^，、：,:]|[,:](?!\s))*[，、：,:]?\s*/gu)

/**
 * A character (with what combines with it), or a Latin word or number, each with the white space after it. Words longer
 * than 24 characters are cut, so that no atom is out of all proportion.
 */
const atoms: Cut = (text, start, end) =>
  pieces(text, start, end, /(?:[\p{Script=Latin}\p{N}]{1,24}|\P{M}(?:\p{M}|\u200d|(?<=\u200d)\P{M})*|\p{M}+)\s*/gu)

/** Code points, for words of more tokens than the limit. */
const characters: Cut = (text, start, end) => pieces(text, start, end, /./gsu)

function pieces(text: string, start: number, end: number, pattern: RegExp): Span[] {
  const spans: Span[] = []
  for (const { index, 0: piece } of text.slice(start, end).matchAll(pattern))
    if (piece.length > 0) spans.push({ start: start + index, end: start + index + piece.length })
  return spans
}
