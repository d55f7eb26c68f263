import { crc32 } from '../documents/crc32'
import { documentLine } from '../documents/stored'
import type { Bm25 } from './bm25'

/** First bytes of a saved index. */
export const magic = 'QLNBM25\n'
/** Version of the layout below; readers refuse any other. */
export const version = 1
/** Parts of a saved index, in the order in which they lie in the file. */
export const sectionNames = ['offsets', 'documents', 'frequencies', 'lengths', 'terms', 'texts'] as const
export type SectionName = (typeof sectionNames)[number]

/** Header of a saved index. */
export interface Bm25Header {
  readonly version: number
  readonly variant: string
  readonly k1: number
  readonly b: number
  readonly delta: number
  readonly epsilon: number
  readonly tokenizer: string
  /** `[received, refused]` of the report; the rest follows from the parts. */
  readonly received: number
  readonly refusedBy: Readonly<Record<string, number>>
  /** Bytes of each part; each is padded with zeros to a multiple of 8 in the file. */
  readonly bytes: Readonly<Record<SectionName, number>>
  /** Of everything after the header. */
  readonly crc32: number
}

/**
 * A saved index, byte for byte the same for the same index: magic, header length (uint32, little-endian), header (JSON),
 * zeros to a multiple of 8, then the parts. Numbers are uint32, little-endian; terms and documents are JSON, one a line.
 *
 * @throws RagError (`document`) when a document's metadata holds what JSON cannot
 */
export function encodeBm25({ documents, postings, settings, report }: Bm25): Uint8Array {
  const { offsets, documents: places, frequencies, lengths, vocabulary } = postings
  const encoder = new TextEncoder()
  const lines = (texts: readonly string[]): Uint8Array => encoder.encode(texts.map((text) => `${text}\n`).join(''))
  const sections: Record<SectionName, Uint8Array> = {
    offsets: bytesOf(offsets),
    documents: bytesOf(places),
    frequencies: bytesOf(frequencies),
    lengths: bytesOf(lengths),
    terms: lines(vocabulary.terms.map((term) => JSON.stringify(term))),
    texts: lines(documents.map(documentLine)),
  }
  const body = joined(sectionNames.map((name) => sections[name]))
  const { variant, k1, b, delta, epsilon, tokenizer } = settings
  const header: Bm25Header = {
    version,
    variant,
    k1,
    b,
    delta,
    epsilon,
    tokenizer: tokenizer.name,
    received: report.received,
    refusedBy: report.refusedBy,
    bytes: Object.fromEntries(sectionNames.map((name) => [name, sections[name].length])) as Bm25Header['bytes'],
    crc32: crc32(body),
  }
  const head = encoder.encode(JSON.stringify(header))
  const start = new Uint8Array(12)
  start.set(encoder.encode(magic))
  new DataView(start.buffer).setUint32(8, head.length, true)
  const front = new Uint8Array(aligned(12 + head.length))
  front.set(start)
  front.set(head, 12)
  return joined([front, body])
}

/** `bytes` rounded up to a multiple of 8. */
export const aligned = (bytes: number): number => 8 * Math.ceil(bytes / 8)

const bytesOf = (array: Uint32Array): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + aligned(part.length), 0))
  let place = 0
  for (const part of parts) {
    whole.set(part, place)
    place += aligned(part.length)
  }
  return whole
}
