import { wholeNumber } from '../errors'
import { countCharacters } from './measure'
import type { Span } from './sentences'
import type { Piece, Splitter } from './splitter'

/** Options of `medicalGptSplitter`. */
export interface MedicalGptOptions {
  /** Cuts Chinese text into words that joined are the text; the original uses jieba's default mode (`await jiebaWords()`). */
  readonly words: (text: string) => readonly string[]
  /** Most characters of a chunk before the overlap is added; a single word or English sentence may be longer. */
  readonly size?: number
  /** Characters of the next chunk that each one shows at its end. */
  readonly overlap?: number
}

/**
 * The splitter of MedicalGPT's retrieval demo, with its default lengths: text with any Chinese character is cut between
 * words once full, or after a sentence once longer than `size − overlap`; other text after `. ! ?` and white space.
 * The overlap looks ahead: every chunk but the last ends with a space and the first `overlap` characters of the next.
 * So `text` is not a slice of the document; `start` and `end` say where it lies without the overlap.
 *
 * @see shibing624/MedicalGPT, demo/chatpdf.py
 */
export function medicalGptSplitter({ words, size = 250, overlap = 30 }: MedicalGptOptions): Splitter {
  wholeNumber('medicalGptSplitter', 'size', size, 1)
  wholeNumber('medicalGptSplitter', 'overlap', overlap, 0)
  return (text) => {
    const pieces = /[\u4e00-\u9fff]/.test(text) ? chinese(text, words(text), size, overlap) : english(text, size)
    return overlap > 0 ? pieces.map((piece, i) => lookingAhead(piece, pieces[i + 1], overlap)) : pieces
  }
}

const sentenceEnd = /[\n。！？；…]$/

function chinese(text: string, words: readonly string[], size: number, overlap: number): Piece[] {
  const pieces: Piece[] = []
  let start = 0
  let end = 0
  let length = 0
  const flush = (): void => {
    pieces.push(stripped(text, { start, end }))
    start = end
    length = 0
  }
  for (const word of words) {
    const wordLength = countCharacters(word)
    if (length + wordLength > size) flush()
    end += word.length
    length += wordLength
    if (sentenceEnd.test(word) && length > size - overlap) flush()
  }
  if (end > start) flush()
  return pieces
}

/** Sentences joined by one space each, line breaks read as spaces. */
function english(text: string, size: number): Piece[] {
  const pieces: Piece[] = []
  let current: Piece | undefined
  for (const { start, end } of englishSentences(text)) {
    const sentence = text.slice(start, end).replaceAll('\n', ' ')
    if (current === undefined || current.text === '') current = { start, end, text: sentence }
    else if (countCharacters(current.text) + countCharacters(sentence) <= size)
      current = { start: current.start, end, text: `${current.text} ${sentence}` }
    else {
      pieces.push(current)
      current = { start, end, text: sentence }
    }
  }
  return current === undefined || current.text === '' ? pieces : [...pieces, current]
}

function englishSentences(text: string): Span[] {
  const gaps = [...text.matchAll(new RegExp(`(?<=[.!?])${pythonSpace}+`, 'g'))]
  const starts = [0, ...gaps.map(({ index, 0: gap }) => index + gap.length)]
  return starts.map((start, i) => ({ start, end: gaps[i]?.index ?? text.length }))
}

function lookingAhead(piece: Piece, next: Piece | undefined, overlap: number): Piece {
  if (next === undefined) return piece
  const ahead = Array.from(next.text).slice(0, overlap).join('')
  return { ...piece, text: strip(`${piece.text} ${ahead}`) }
}

/** What Python's `str.strip` and `\s` take for white space: ours and four separators and NEL more, the byte order mark less. */
const pythonSpace = String.raw`[\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`
const isSpace = new RegExp(pythonSpace)

const strip = (text: string): string => stripped(text, { start: 0, end: text.length }).text

function stripped(text: string, span: Span): Piece {
  let { start, end } = span
  while (start < end && isSpace.test(text[start]!)) start++
  while (end > start && isSpace.test(text[end - 1]!)) end--
  return { start, end, text: text.slice(start, end) }
}
