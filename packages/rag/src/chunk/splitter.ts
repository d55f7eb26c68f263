import { numberWithin, RagError, shown, wholeNumber } from '../errors'
import { type CountingTokenizer, countCharacters, tokenMeasure } from './measure'
import type { Span } from './sentences'
import { type Measure, plainUnits, sentenceUnits, type Unit } from './units'

/** A piece of a text. Its `text` is `slice(start, end)` of it, unless a splitter says otherwise. */
export interface Piece extends Span {
  readonly text: string
}

/** Cuts a text into pieces, in order. */
export type Splitter = (text: string) => Piece[]

/** How long chunks are; name one of `tokens` and `characters`. */
export interface ChunkOptions {
  /** Most tokens of a chunk, as `tokenizer` counts them, or `estimateTokens` without one. */
  readonly tokens?: number | undefined
  /** Most Unicode characters of a chunk; 250 when neither is named. */
  readonly characters?: number | undefined
  /** How much of a chunk's end the next one repeats, at most, in the same unit; whole sentences only. Default 0. */
  readonly overlap?: number
  /** False: cut between words and characters, without regard to sentences. */
  readonly sentences?: boolean
  readonly tokenizer?: CountingTokenizer | undefined
}

/**
 * A splitter into chunks of whole sentences, each as long as fits. A sentence longer than a chunk is cut at its commas,
 * and only where that is not enough between words. No chunk is longer than the limit, none begins or ends with white
 * space, and everything but white space is in at least one.
 *
 * @throws RagError (`option`) for contradictory or impossible lengths; while splitting, when one character is longer than
 *   the limit
 */
export function sentenceSplitter(options: ChunkOptions = {}): Splitter {
  const { limit, measure } = limitOf(options)
  const overlap = numberWithin('chunk', 'overlap', options.overlap ?? 0, 0, limit - 1)
  const unitsOf = (options.sentences ?? true) ? sentenceUnits : plainUnits
  return (text) => packed(text, unitsOf(text, measure, limit), { limit, overlap, measure })
}

function limitOf({ tokens, characters, tokenizer }: ChunkOptions): { limit: number; measure: Measure } {
  if (tokens !== undefined && characters !== undefined)
    throw new RagError('option', `chunk: expected tokens or characters, got both. Name one of them.`, {
      operation: 'chunk',
    })
  if (tokens !== undefined)
    return { limit: wholeNumber('chunk', 'tokens', tokens, 1), measure: tokenMeasure(tokenizer) }
  return { limit: wholeNumber('chunk', 'characters', characters ?? 250, 1), measure: countCharacters }
}

interface Packing {
  readonly limit: number
  readonly overlap: number
  readonly measure: Measure
}

function packed(text: string, units: readonly Unit[], packing: Packing): Piece[] {
  const pieces: Piece[] = []
  for (let start = 0; start < units.length; ) {
    const end = chunkEnd(text, units, start, packing)
    const piece = trimmed(text, units[start]!.start, units[end - 1]!.end)
    const isNew = piece.end > (pieces.at(-1)?.end ?? 0) // what repeats the last piece may have added white space alone
    if (piece.text !== '' && isNew) pieces.push(piece)
    start = end === units.length ? end : nextStart(units, start, end, packing)
  }
  return pieces
}

/**
 * The unit after the last one that fits into a chunk from `start`. Lengths are added up, then the chunk is measured as a
 * whole, since the tokens of a text are not always the sum of those of its parts.
 */
function chunkEnd(text: string, units: readonly Unit[], start: number, { limit, measure }: Packing): number {
  let end = start
  for (let length = 0; end < units.length && length + units[end]!.length <= limit; end++) length += units[end]!.length
  if (end === start) throw tooShort(text.slice(units[start]!.start, units[start]!.end), limit)
  while (end > start + 1 && measure(text.slice(units[start]!.start, units[end - 1]!.end)) > limit) end--
  return end
}

/** The first of the units before `end` that the next chunk repeats: as many as the overlap and the unit to come allow. */
function nextStart(units: readonly Unit[], start: number, end: number, { limit, overlap }: Packing): number {
  const room = Math.min(overlap, limit - units[end]!.length)
  let next = end
  for (let length = 0; next - 1 > start && length + units[next - 1]!.length <= room; next--)
    length += units[next - 1]!.length
  return next
}

function trimmed(text: string, start: number, end: number): Piece {
  const raw = text.slice(start, end)
  const from = start + raw.length - raw.trimStart().length
  const piece = raw.trim()
  return { start: from, end: from + piece.length, text: piece }
}

const tooShort = (unit: string, limit: number): RagError =>
  new RagError(
    'option',
    `chunk: expected a limit that holds at least one character, got ${limit} for ${shown(unit)}. Make chunks longer.`,
    { operation: 'chunk' },
  )
