import { TokenizerError } from '../errors'

/** One field of a protobuf message: a varint (read as int32 where it is negative) or float, or the bytes of a nested value. */
export interface ProtobufField {
  readonly number: number
  readonly value: number | Uint8Array
}

/**
 * Fields of a protobuf message in file order.
 *
 * @throws TokenizerError `bad-tokenizer` when a field runs past the end or has an unknown wire type
 */
export function* protobufFields(bytes: Uint8Array): Generator<ProtobufField> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const varint = (): number => {
    let value = 0
    let low = 0 // the lowest 32 bits, exact also where the number is too large to be
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined || shift > 63) throw malformed(at)
      value += (byte & 0x7f) * 2 ** shift
      if (shift < 32) low |= (byte & 0x7f) << shift
      if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? value : low
    }
  }
  const take = (length: number): number => {
    if (length < 0 || at + length > bytes.length) throw malformed(at)
    at += length
    return at - length
  }
  while (at < bytes.length) {
    const key = varint()
    const number = key >>> 3
    if (number === 0) throw malformed(at)
    if ((key & 7) === 0) yield { number, value: varint() }
    else if ((key & 7) === 1) yield { number, value: view.getFloat64(take(8), true) }
    else if ((key & 7) === 5) yield { number, value: view.getFloat32(take(4), true) }
    else if ((key & 7) === 2) {
      const length = varint()
      const start = take(length)
      yield { number, value: bytes.subarray(start, start + length) }
    } else throw malformed(at)
  }
}

/** Fields by number; of repeated ones the last. */
export const protobufMessage = (bytes: Uint8Array): ReadonlyMap<number, ProtobufField['value']> =>
  new Map([...protobufFields(bytes)].map(({ number, value }) => [number, value]))

const malformed = (at: number): TokenizerError =>
  new TokenizerError(
    'bad-tokenizer',
    `loadTokenizer: expected a SentencePiece model, got bytes that are none at ${at}. Download tokenizer.model again.`,
  )
