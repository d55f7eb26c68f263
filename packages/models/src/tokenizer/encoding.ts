import type { Engine, TrackedTokens } from './engine'
import { TokenizerError } from './errors'
import type { EncodeOptions, Encoding, Padding, Truncation } from './types'

/** Tokens of one sequence that are still to be put into the template, and the pieces that truncation cut off. */
interface Cut {
  readonly kept: TrackedTokens
  readonly overflow: readonly TrackedTokens[]
}

/**
 * A text or pair with everything about its tokens.
 *
 * @throws TokenizerError `bad-truncation` when the special tokens alone, or the text that may be cut, do not allow it
 */
export const encodingOf = (
  engine: Engine,
  input: string | readonly [string, string],
  { addSpecialTokens = true, splitSpecialTokens = false, truncation }: EncodeOptions & { truncation?: Truncation } = {},
): Encoding => {
  const texts = typeof input === 'string' ? [input] : input
  const template = addSpecialTokens ? engine.template(texts.length === 2) : undefined
  const added = template?.reduce((sum, part) => sum + part.ids.length, 0) ?? 0
  const tokens = texts.map((text) => engine.track(text, splitSpecialTokens ? 'special' : 'none'))
  const cuts = truncate(tokens, added, truncation)
  const put = (parts: readonly TrackedTokens[], overflow: Encoding[]): Encoding =>
    assemble(engine, parts, template !== undefined, overflow)
  const pieces = cuts.length === 1 ? cuts[0]!.overflow.map((piece) => put([piece], [])) : []
  return put(
    cuts.map(({ kept }) => kept),
    pieces,
  )
}

/** Encodings brought to one length; the given ones are not changed. */
export const padEncodings = (
  encodings: readonly Encoding[],
  { length, side = 'right', multipleOf = 1, id }: Padding & { id: number },
): Encoding[] => {
  const longest = length ?? encodings.reduce((most, { ids }) => Math.max(most, ids.length), 0)
  const target = Math.ceil(longest / multipleOf) * multipleOf
  const pad = (encoding: Encoding): Encoding => {
    const missing = Math.max(0, target - encoding.ids.length)
    const fill = <T>(values: readonly T[], value: T, times = 1): T[] => {
      const padding = new Array<T>(missing * times).fill(value)
      return side === 'right' ? [...values, ...padding] : [...padding, ...values]
    }
    return {
      ids: fill(encoding.ids, id),
      offsets: fill(encoding.offsets, 0, 2),
      typeIds: fill(encoding.typeIds, 0),
      specialTokensMask: fill(encoding.specialTokensMask, 1),
      attentionMask: fill(encoding.attentionMask, 0),
      sequenceIds: fill(encoding.sequenceIds, undefined),
      overflow: encoding.overflow.map(pad),
    }
  }
  return encodings.map(pad)
}

const assemble = (
  engine: Engine,
  sequences: readonly TrackedTokens[],
  special: boolean,
  overflow: Encoding[],
): Encoding => {
  const out: Encoding = {
    ids: [],
    offsets: [],
    typeIds: [],
    specialTokensMask: [],
    attentionMask: [],
    sequenceIds: [],
    overflow,
  }
  const add = ({ ids, offsets }: TrackedTokens, typeId: number, sequence: 0 | 1 | undefined): void => {
    ids.forEach((id, i) => {
      out.ids.push(id)
      out.offsets.push(offsets[2 * i] ?? 0, offsets[2 * i + 1] ?? 0)
      out.typeIds.push(typeId)
      out.specialTokensMask.push(sequence === undefined ? 1 : 0)
      out.attentionMask.push(1)
      out.sequenceIds.push(sequence)
    })
  }
  if (special)
    for (const { sequence, typeId, ids } of engine.template(sequences.length === 2))
      add(sequence === undefined ? { ids: [...ids], offsets: [] } : sequences[sequence]!, typeId, sequence)
  else sequences.forEach((tokens, sequence) => add(tokens, sequence, sequence as 0 | 1))
  return out
}

const truncate = (tokens: readonly TrackedTokens[], added: number, truncation: Truncation | undefined): Cut[] => {
  const whole = tokens.map((kept) => ({ kept, overflow: [] }))
  if (truncation === undefined) return whole
  const { maxLength, strategy = 'longest_first', stride = 0, side = 'right' } = truncation
  const room = maxLength - added
  if (room < 0) throw tooShort(`at least ${added} tokens for the special ones`, maxLength)
  const lengths = tokens.map(({ ids }) => ids.length)
  const excess = lengths.reduce((sum, length) => sum + length, 0) - room
  if (excess <= 0) return whole
  const kept = strategy === 'longest_first' ? longestFirst(lengths, room) : onlyOne(lengths, excess, strategy)
  return tokens.map((sequence, i) => cut(sequence, kept[i]!, stride, side))
}

/** Cuts the longer text first; both to half the room when each is longer than that. */
const longestFirst = (lengths: readonly number[], room: number): number[] => {
  if (lengths.length === 1) return [room]
  const [shorter, longer] = [Math.min(...lengths), Math.max(...lengths)] as [number, number]
  const half = Math.floor(room / 2)
  const [short, long] =
    shorter + Math.min(longer, Math.max(shorter, room - shorter)) > room || shorter > room
      ? [half, half + (room % 2)]
      : [shorter, Math.max(shorter, room - shorter)]
  return lengths[0]! > lengths[1]! ? [long, short] : [short, long]
}

const onlyOne = (lengths: readonly number[], excess: number, strategy: 'only_first' | 'only_second'): number[] => {
  const target = strategy === 'only_first' ? 0 : 1
  const length = lengths[target]
  if (length === undefined) throw tooShort('a second text', lengths.length)
  if (length <= excess) throw tooShort(`${strategy} to have more than ${excess} tokens to cut`, length)
  return lengths.map((own, i) => (i === target ? own - excess : own))
}

/** Pieces of at most `size` tokens, each starting (or ending) `stride` tokens inside the one before. */
const cut = (tokens: TrackedTokens, size: number, stride: number, side: 'left' | 'right'): Cut => {
  const length = tokens.ids.length
  if (length <= size) return { kept: tokens, overflow: [] }
  if (size === 0) return { kept: { ids: [], offsets: [] }, overflow: [tokens] }
  if (stride >= size) throw tooShort(`a stride below the ${size} tokens of a piece`, stride)
  const pieces: TrackedTokens[] = []
  for (let begin = 0; ; begin += size - stride) {
    const [from, to] =
      side === 'right' ? [begin, Math.min(begin + size, length)] : [Math.max(0, length - begin - size), length - begin]
    pieces.push({ ids: tokens.ids.slice(from, to), offsets: tokens.offsets.slice(2 * from, 2 * to) })
    if (side === 'right' ? to === length : from === 0) break
  }
  return { kept: pieces[0]!, overflow: pieces.slice(1) }
}

const tooShort = (expected: string, got: number): TokenizerError =>
  new TokenizerError('bad-truncation', `encodings: expected ${expected}, got ${got}. Change the truncation.`)
