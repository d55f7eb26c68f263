import { readCharsmap } from '../charsmap'
import { type Trie, trie } from '../trie'
import type { SentencePieceModel } from './model'

/** Normalised text with the place each unit came from. */
export interface Normalized {
  readonly text: string
  /** Original UTF-16 unit of each unit of `text`, and one more entry for its end. */
  readonly places: readonly number[]
}

/** Stands for a space inside pieces. */
export const space = '\u2581'

/** A stretch of the input and what it becomes. */
interface Step {
  readonly text: string
  /** Input units used up. */
  readonly units: number
}

/**
 * SentencePiece's own normalisation: compiled rules (longest first), spaces collapsed and written as ▁, a dummy space
 * before the text, all as the model says.
 *
 * @param userPieces  pieces that are never rewritten
 */
export const sentencePieceNormalizer = (
  { normalizer, pieces }: SentencePieceModel,
  userPieces: Trie = trie(userPieceEntries(pieces)),
): ((text: string) => Normalized) => {
  const { addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces, whitespaceAsSuffix } = normalizer
  const next = stepper(normalizer.charsmap, userPieces)
  const mark = escapeWhitespaces ? space : ' '

  return (input) => {
    const steps = next(input)
    let text = ''
    const places: number[] = []
    let consumed = 0
    const add = (part: string): void => {
      for (const unit of part) text += unit === ' ' ? mark : unit
      for (let i = 0; i < part.length; i++) places.push(consumed)
    }
    const dropEnd = (): void => {
      consumed = places.pop()!
      text = text.slice(0, -1)
    }
    let first = 0
    if (removeExtraWhitespaces) for (; steps[first]?.text === ' '; first++) consumed += steps[first]!.units
    if (first === steps.length) return { text, places: [consumed] }
    if (addDummyPrefix && !whitespaceAsSuffix) add(' ')
    let afterSpace = removeExtraWhitespaces
    for (const step of steps.slice(first)) {
      const part = afterSpace ? step.text.replace(/^ +/, '') : step.text
      add(part)
      if (part !== '') afterSpace = removeExtraWhitespaces && part.endsWith(' ')
      consumed += step.units
    }
    if (removeExtraWhitespaces) while (text.endsWith(mark)) dropEnd()
    if (addDummyPrefix && whitespaceAsSuffix) add(' ')
    places.push(consumed)
    return { text, places }
  }
}

/** Texts of user-defined pieces with their ids. */
export const userPieceEntries = (pieces: SentencePieceModel['pieces']): [string, number][] =>
  pieces.flatMap(({ text, kind }, id): [string, number][] => (kind === 'user' ? [[text, id]] : []))

/** Cuts a text into the stretches that rules replace, user pieces, and single characters. */
const stepper = (blob: Uint8Array, userPieces: Trie): ((text: string) => Step[]) => {
  const charsmap = blob.length > 0 ? readCharsmap(blob) : undefined
  const encoder = new TextEncoder()
  return (text) => {
    const bytes = charsmap && encoder.encode(text)
    const steps: Step[] = []
    for (let unit = 0, byte = 0; unit < text.length; ) {
      const piece = userPieces.starts(text.charCodeAt(unit)) ? userPieces.longest(text, unit) : undefined
      const rule = piece === undefined || piece.value < 0 ? charsmap?.longest(bytes!, byte) : undefined
      const character = String.fromCodePoint(text.codePointAt(unit)!)
      const wanted = rule === undefined ? (piece && piece.value >= 0 ? piece.end - unit : character.length) : 0
      const from = unit
      const until = rule?.end ?? -1
      while (rule === undefined ? unit < from + wanted : byte < until) {
        const code = text.codePointAt(unit)!
        unit += code > 0xffff ? 2 : 1
        byte += code < 0x80 ? 1 : code < 0x800 ? 2 : code > 0xffff ? 4 : 3
      }
      steps.push({ text: rule?.text ?? text.slice(from, unit), units: unit - from })
    }
    return steps
  }
}
