import { byteTokens } from '../model'
import type { SentencePieceModel } from './model'
import { sentencePieceNormalizer, space } from './normalize'
import { segmenterOf } from './segment'

/** SentencePiece as its own library behaves: no special token is ever read from text. */
export interface SentencePieceProcessor {
  readonly model: SentencePieceModel
  /** Normalised text, ▁ for spaces. */
  normalize(text: string): string
  encode(text: string): number[]
  /** Ids with begin and end of each in UTF-16 units of the text, flat. */
  track(text: string): { ids: number[]; offsets: number[] }
  decode(ids: ArrayLike<number>): string
  /** Id of a piece, that of the unknown piece when there is none. */
  pieceToId(piece: string): number
}

/** Processor of a parsed model. Errors as `parseSentencePiece`. */
export const sentencePieceProcessor = (model: SentencePieceModel): SentencePieceProcessor => {
  const { pieces, unkId } = model
  const ids = new Map(pieces.map(({ text }, id) => [text, id]))
  const fallback = model.byteFallback ? byteTokens(ids) : undefined
  const normalize = sentencePieceNormalizer(model)
  const segment = segmenterOf(model)
  const encoder = new TextEncoder()

  const run = (input: string, offsets: number[] | undefined): number[] => {
    const { text, places } = normalize(input)
    const segments = segment(text)
    const out: number[] = []
    for (let i = 0, from = 0; i < segments.length; i += 2) {
      const id = segments[i]!
      const end = segments[i + 1]!
      const [begin, stop] = [places[from]!, places[end]!]
      if (id === unkId && fallback !== undefined) {
        const bytes = encoder.encode(text.slice(from, end))
        bytes.forEach((byte, k) => {
          out.push(fallback[byte]!)
          offsets?.push(begin, k === bytes.length - 1 ? stop : begin) // the last byte stands for the character
        })
      } else if (id === unkId && i > 0 && segments[i - 2] === unkId) offsets?.splice(-1, 1, stop)
      else {
        out.push(id)
        offsets?.push(begin, stop)
      }
      from = end
    }
    return out
  }

  return {
    model,
    normalize: (text) => normalize(text).text,
    encode: (text) => run(text, undefined),
    track(text) {
      const offsets: number[] = []
      return { ids: run(text, offsets), offsets }
    },
    decode: decoderOf(model),
    pieceToId: (piece) => ids.get(piece) ?? unkId,
  }
}

/** Text of ids: control pieces vanish, unknown ones become their surface, runs of bytes the characters they spell. */
const decoderOf = ({ pieces, unkSurface, normalizer }: SentencePieceModel) => {
  const bytesOf = pieces.map(({ text, kind }) => (kind === 'byte' ? Number.parseInt(text.slice(3, 5), 16) : -1))
  const stripFirst = normalizer.addDummyPrefix || normalizer.removeExtraWhitespaces
  return (ids: ArrayLike<number>): string => {
    let out = ''
    let run: number[] = []
    let atStart = true // the dummy space before the text is still to be taken away
    let stripped = false
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!
      const piece = pieces[id]
      if (piece === undefined) continue
      if (piece.kind === 'byte') {
        run.push(bytesOf[id]!)
        continue
      }
      out += spell(run)
      run = []
      atStart &&= !stripped && out === ''
      if (piece.kind === 'control') stripped = false
      else if (piece.kind === 'unknown') {
        out += unkSurface
        stripped = false
      } else {
        const strips: boolean = atStart && stripFirst && piece.text.startsWith(space)
        out += (strips ? piece.text.slice(1) : piece.text).replaceAll(space, ' ')
        stripped = strips && !normalizer.removeExtraWhitespaces
      }
    }
    return out + spell(run)
  }
}

/** UTF-8 of bytes; each byte that belongs to no character becomes U+FFFD. */
const spell = (bytes: readonly number[]): string => {
  let text = ''
  for (let i = 0; i < bytes.length; ) {
    const length = [1, 2, 3, 4].find((size) => i + size <= bytes.length && isCharacter(bytes.slice(i, i + size)))
    text +=
      length === undefined
        ? '\ufffd'
        : new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes.slice(i, i + length)))
    i += length ?? 1
  }
  return text
}

const isCharacter = (bytes: readonly number[]): boolean => {
  try {
    return [...new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes))].length === 1
  } catch {
    return false
  }
}
