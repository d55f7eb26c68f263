import { TokenizerError } from '../errors'
import { protobufFields, protobufMessage } from './protobuf'

/** Kind of a piece: `control` never comes from text, `user` is always cut out of it whole. */
export type PieceKind = 'normal' | 'unknown' | 'control' | 'user' | 'unused' | 'byte'

/** One entry of the vocabulary. */
export interface Piece {
  readonly text: string
  /** Log-probability (Unigram) or minus the merge order (BPE). */
  readonly score: number
  readonly kind: PieceKind
}

/** A SentencePiece model file as parsed. */
export interface SentencePieceModel {
  readonly algorithm: 'unigram' | 'bpe'
  readonly pieces: readonly Piece[]
  readonly unkId: number
  readonly bosId: number
  readonly eosId: number
  readonly padId: number
  /** What an unknown piece becomes in decoded text. */
  readonly unkSurface: string
  readonly byteFallback: boolean
  readonly normalizer: {
    /** Compiled replacement rules; empty for none. */
    readonly charsmap: Uint8Array
    readonly addDummyPrefix: boolean
    readonly removeExtraWhitespaces: boolean
    readonly escapeWhitespaces: boolean
    /** The dummy prefix goes behind the text. */
    readonly whitespaceAsSuffix: boolean
  }
}

const kinds: readonly (PieceKind | undefined)[] = [undefined, 'normal', 'unknown', 'control', 'user', 'unused', 'byte']

/**
 * The model in a `tokenizer.model` file (protobuf `ModelProto` of SentencePiece).
 *
 * @throws TokenizerError `bad-tokenizer` for other bytes, `unsupported-tokenizer` for word and character models
 */
export const parseSentencePiece = (bytes: Uint8Array): SentencePieceModel => {
  const pieces: Piece[] = []
  let trainer = new Uint8Array()
  let normalizer = new Uint8Array()
  for (const { number, value } of protobufFields(bytes)) {
    if (!(value instanceof Uint8Array)) continue
    if (number === 1) pieces.push(pieceOf(value))
    else if (number === 2) trainer = new Uint8Array(value)
    else if (number === 3) normalizer = new Uint8Array(value)
  }
  const training = reader(trainer)
  const normalizing = reader(normalizer)
  const unkId = pieces.findIndex(({ kind }) => kind === 'unknown')
  if (unkId < 0)
    throw new TokenizerError(
      'bad-tokenizer',
      `loadTokenizer: expected a SentencePiece model with an unknown piece, got ${pieces.length} pieces without one. Download tokenizer.model again.`,
    )
  return {
    algorithm: algorithmOf(training.number(3, 1)),
    pieces,
    unkId,
    bosId: training.number(41, 1),
    eosId: training.number(42, 2),
    padId: training.number(43, -1),
    unkSurface: training.text(44, ' \u2047 '),
    byteFallback: training.flag(35, false),
    normalizer: {
      charsmap: normalizing.bytes(2),
      addDummyPrefix: normalizing.flag(3, true),
      removeExtraWhitespaces: normalizing.flag(4, true),
      escapeWhitespaces: normalizing.flag(5, true),
      whitespaceAsSuffix: training.flag(24, false),
    },
  }
}

const pieceOf = (bytes: Uint8Array): Piece => {
  const fields = reader(bytes)
  const kind = kinds[fields.number(3, 1)]
  if (kind === undefined)
    throw new TokenizerError(
      'bad-tokenizer',
      `loadTokenizer: expected a piece of a known type, got ${fields.number(3, 1)}. Download tokenizer.model again.`,
    )
  return { text: fields.text(1, ''), score: fields.number(2, 0), kind }
}

const algorithmOf = (type: number): 'unigram' | 'bpe' => {
  if (type === 1) return 'unigram'
  if (type === 2) return 'bpe'
  throw new TokenizerError(
    'unsupported-tokenizer',
    `loadTokenizer: expected a Unigram or BPE SentencePiece model, got type ${type}. Use another tokenizer.`,
  )
}

/** Values of a message with defaults. */
const reader = (bytes: Uint8Array) => {
  const fields = protobufMessage(bytes)
  const number = (field: number, fallback: number): number => {
    const value = fields.get(field)
    return typeof value === 'number' ? value : fallback
  }
  const raw = (field: number): Uint8Array | undefined => {
    const value = fields.get(field)
    return value instanceof Uint8Array ? value : undefined
  }
  return {
    number,
    flag: (field: number, fallback: boolean): boolean => number(field, fallback ? 1 : 0) !== 0,
    bytes: (field: number): Uint8Array => raw(field) ?? new Uint8Array(),
    text(field: number, fallback: string): string {
      const value = raw(field)
      return value === undefined ? fallback : new TextDecoder('utf-8', { ignoreBOM: true }).decode(value)
    },
  }
}
