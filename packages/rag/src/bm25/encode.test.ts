import { describe, expect, it } from 'vitest'
import { crc32 } from '../documents/crc32'
import { isRagError, RagError } from '../errors'
import { documents, seeded } from '../test/world'
import { bigrams } from '../tokenize/bigrams'
import { bm25 } from './bm25'
import { decodeBm25 } from './decode'
import { aligned, encodeBm25 } from './encode'

const index = await bm25(documents, { variant: 'bm25+', k1: 1.2 })
const bytes = encodeBm25(index)
const headerLength = new DataView(bytes.buffer).getUint32(8, true)
const bodyStart = aligned(12 + headerLength)

/** The bytes with a changed header and, for the parts, a checksum that fits. */
function forged(change: (header: Record<string, unknown>, body: Uint8Array) => void): Uint8Array {
  const body = bytes.slice(bodyStart)
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(12, 12 + headerLength)))
  change(header, body)
  header.crc32 = crc32(body)
  const head = new TextEncoder().encode(JSON.stringify(header))
  const file = new Uint8Array(aligned(12 + head.length) + body.length)
  file.set(bytes.subarray(0, 8))
  new DataView(file.buffer).setUint32(8, head.length, true)
  file.set(head, 12)
  file.set(body, aligned(12 + head.length))
  return file
}

const failure = (file: Uint8Array): unknown => {
  try {
    decodeBm25(file)
    return undefined
  } catch (error) {
    return error
  }
}

describe('encodeBm25 and decodeBm25', () => {
  it('give back an index that scores bit for bit the same, with its documents, settings and report', () => {
    const again = decodeBm25(bytes)
    expect(again.scores(['雾心', '检查'])).toEqual(index.scores(['雾心', '检查']))
    expect(again.documents).toEqual(index.documents)
    expect(again.report).toEqual(index.report)
    expect({ ...again.settings, tokenizer: undefined }).toEqual({ ...index.settings, tokenizer: undefined })
  })

  it('give the same bytes for the same index', async () => {
    expect(encodeBm25(await bm25(documents, { variant: 'bm25+', k1: 1.2 }))).toEqual(bytes)
    expect(encodeBm25(decodeBm25(bytes))).toEqual(bytes)
  })

  it('read bytes that begin at any address', () => {
    const shifted = new Uint8Array(bytes.length + 3).subarray(3)
    shifted.set(bytes)
    expect(decodeBm25(shifted).documents).toEqual(index.documents)
    const buffer = Buffer.from(shifted.buffer, 3, bytes.length)
    expect(decodeBm25(buffer).scores(['雾心'])).toEqual(index.scores(['雾心']))
  })

  it('keep terms and texts with lone surrogates, line breaks and quotes', async () => {
    const texts = ['a\ud800b "quoted"\nline\u2028', '\ud800']
    const again = decodeBm25(encodeBm25(await bm25(texts)))
    expect(again.documents.map(({ text }) => text)).toEqual(texts)
  })

  it('refuse another tokenizer by name', () => {
    expect(() => decodeBm25(bytes, { tokenizer: bigrams({ unigrams: true }) })).toThrowErrorMatchingInlineSnapshot(
      `[RagError: decodeBm25: expected the tokenizer 'bigrams', which the index was built with, got 'bigrams+unigrams'. Pass that one.]`,
    )
  })

  it('refuse metadata that JSON cannot hold', async () => {
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    const odd = await bm25([{ text: '文字', metadata: cyclic }])
    expect(() => encodeBm25(odd)).toThrow(RagError)
  })

  it('refuse an index that holds a test document', () => {
    const labelled = decodeBm25(bytes)
    const test = {
      ...labelled,
      documents: labelled.documents.map((one, i) => (i === 3 ? { ...one, split: 'test' } : one)),
    }
    expect(failure(encodeBm25(test))).toMatchObject({ name: 'SplitError', refused: 1 })
  })

  it.each([
    ['an empty file', new Uint8Array()],
    ['another file', new TextEncoder().encode('PK\u0003\u0004 something else entirely')],
    ['a header longer than the file', bytes.slice(0, 40)],
    ['a missing last byte', bytes.slice(0, -1)],
    ['a byte too many', new Uint8Array([...bytes, 0])],
    ['a flipped bit', bytes.map((byte, i) => (i === bytes.length - 100 ? byte ^ 1 : byte))],
    ['another version', forged((header) => (header.version = 2))],
    ['a missing setting', forged((header) => delete header.k1)],
    ['a size that is no number', forged((header) => ((header.bytes as Record<string, unknown>).terms = '8'))],
    ['a huge size', forged((header) => ((header.bytes as Record<string, unknown>).terms = 2 ** 50))],
    ['an unknown variant', forged((header) => (header.variant = 'constructor'))],
    ['fewer documents received than indexed', forged((header) => (header.received = 1))],
    ['offsets that do not begin at 0', forged((_, body) => (body[0] = 1))],
    ['offsets that fall', forged((_, body) => body.set([255, 255, 255, 0], 4))],
  ])('refuse %s with a typed error', (_, file) => {
    expect(isRagError(failure(file))).toBe(true)
  })

  it('refuse postings out of order, unknown documents, and frequencies that do not add up', () => {
    const { offsets, documents: places } = index.postings
    const placesAt = aligned(4 * offsets.length)
    const frequenciesAt = placesAt + aligned(4 * places.length)
    const swapped = forged((_, body) => {
      const t = Array.from(offsets).findIndex((offset, i) => offsets[i + 1]! - offset > 1)
      const view = new DataView(body.buffer)
      const [a, b] = [placesAt + 4 * offsets[t]!, placesAt + 4 * (offsets[t]! + 1)]
      const first = view.getUint32(a, true)
      view.setUint32(a, view.getUint32(b, true), true)
      view.setUint32(b, first, true)
    })
    const unknown = forged((_, body) => new DataView(body.buffer).setUint32(placesAt, 99, true))
    const more = forged((_, body) => new DataView(body.buffer).setUint32(frequenciesAt, 7, true))
    const none = forged((_, body) => new DataView(body.buffer).setUint32(frequenciesAt, 0, true))
    for (const file of [swapped, unknown, more, none]) expect(failure(file)).toMatchObject({ code: 'index-format' })
  })

  it('refuse any truncation and any damaged header with a typed error', () => {
    const random = seeded(1)
    for (let i = 0; i < 300; i++) {
      const cut = bytes.slice(0, Math.floor(random() * bytes.length))
      expect(isRagError(failure(cut))).toBe(true)
      const damaged = bytes.slice()
      damaged[Math.floor(random() * bodyStart)]! ^= 1 << Math.floor(random() * 8)
      const error = failure(damaged)
      expect(error === undefined || isRagError(error)).toBe(true)
    }
  })
})
