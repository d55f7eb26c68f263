import { crc32 } from '../documents/crc32'
import type { Document } from '../documents/document'
import { refuseSplits, type SplitGuard, splitGuard } from '../documents/split-guard'
import { parseDocument, parseObject } from '../documents/stored'
import { RagError, shown } from '../errors'
import { bigrams } from '../tokenize/bigrams'
import type { TextTokenizer } from '../tokenize/tokenizer'
import { type Bm25, bm25Over, bm25Settings } from './bm25'
import { aligned, type Bm25Header, magic, type SectionName, sectionNames, version } from './encode'
import type { Postings } from './postings'
import type { Bm25Variant } from './variants'
import { vocabulary } from './vocabulary'

/** Options of `decodeBm25`. */
export interface DecodeBm25Options {
  /** The tokenizer that the index was built with; names must agree. */
  readonly tokenizer?: TextTokenizer
  /** Checked again, since the file may be older than the split; refused documents are always an error here. */
  readonly guard?: SplitGuard
  /** Named in errors. */
  readonly path?: string | undefined
}

/**
 * The index that `encodeBm25` made these bytes from. Nothing in them is trusted: sizes, order of postings, counts and
 * lengths are checked against each other before anything is returned.
 *
 * @throws RagError (`index-format`) for anything but a whole, undamaged index of this version, (`tokenizer`) for another
 *   tokenizer; SplitError when it holds a document that the guard refuses
 */
export function decodeBm25(
  bytes: Uint8Array,
  { tokenizer = bigrams(), guard = splitGuard(), path }: DecodeBm25Options = {},
): Bm25 {
  const fail: Fail = (expected, got) => {
    throw new RagError(
      'index-format',
      `decodeBm25: expected ${expected}, got ${got}${path === undefined ? '' : ` in ${path}`}. Build the index again.`,
      { operation: 'decodeBm25', path },
    )
  }
  const { header, start } = readHeader(bytes, fail)
  if (header.tokenizer !== tokenizer.name)
    throw new RagError(
      'tokenizer',
      `decodeBm25: expected the tokenizer ${shown(header.tokenizer)}, which the index was built with, got ${shown(tokenizer.name)}. Pass that one.`,
      { operation: 'decodeBm25', path },
    )
  const sections = cut(bytes, start, header, fail)
  const postings = readPostings(sections, fail)
  const documents = readDocuments(sections.texts, fail)
  if (documents.length !== postings.lengths.length)
    fail(`${postings.lengths.length} documents`, `${documents.length} lines`)
  if (documents.length === 0 || header.received < documents.length)
    fail(`1 to ${header.received} documents`, `${documents.length}`)
  refuseSplits('decodeBm25', documents, guard)
  const { variant, k1, b, delta, epsilon } = header
  const settings = bm25Settings('decodeBm25', { variant: variant as Bm25Variant, k1, b, delta, epsilon, tokenizer })
  const refused = header.received - documents.length
  return bm25Over(documents, postings, settings, {
    received: header.received,
    indexed: documents.length,
    refused,
    refusedBy: header.refusedBy,
    refusals: [],
  })
}

type Fail = (expected: string, got: string) => never

function readHeader(bytes: Uint8Array, fail: Fail): { header: Bm25Header; start: number } {
  const decoder = new TextDecoder()
  if (bytes.length < 12 || decoder.decode(bytes.subarray(0, 8)) !== magic)
    fail(
      `a file that begins with ${JSON.stringify(magic)}`,
      bytes.length < 12 ? `${bytes.length} bytes` : 'another file',
    )
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true)
  if (length > bytes.length - 12) fail(`a header of ${length} bytes`, `${bytes.length - 12} bytes after the length`)
  const header = parseObject(decoder.decode(bytes.subarray(12, 12 + length)))
  if (header?.version !== version)
    fail(`layout version ${version}`, header ? `version ${shown(header.version)}` : 'no header')
  if (!isHeader(header!)) fail('a header with settings and sizes', 'one that lacks some')
  return { header: header as unknown as Bm25Header, start: aligned(12 + length) }
}

function isHeader({
  variant,
  tokenizer,
  k1,
  b,
  delta,
  epsilon,
  received,
  refusedBy,
  bytes,
  crc32,
}: Record<string, unknown>): boolean {
  const isSize = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
  return (
    [variant, tokenizer].every((one) => typeof one === 'string') &&
    [k1, b, delta, epsilon].every((one) => typeof one === 'number') &&
    [received, crc32].every(isSize) &&
    [refusedBy, bytes].every((one) => typeof one === 'object' && one !== null) &&
    sectionNames.every((name) => isSize((bytes as Record<string, unknown>)[name]))
  )
}

type Sections = Readonly<Record<SectionName, Uint8Array>>

function cut(bytes: Uint8Array, start: number, header: Bm25Header, fail: Fail): Sections {
  const expected = sectionNames.reduce((end, name) => end + aligned(header.bytes[name]), start)
  if (bytes.length !== expected) fail(`${expected} bytes`, `${bytes.length}`)
  if (crc32(bytes.subarray(start)) !== header.crc32) fail('an undamaged file', 'one whose checksum differs')
  let place = start
  const sections = sectionNames.map((name) => {
    const from = place
    place += aligned(header.bytes[name])
    return [name, bytes.subarray(from, from + header.bytes[name])] as const
  })
  return Object.fromEntries(sections) as Sections
}

function readPostings(sections: Sections, fail: Fail): Postings {
  const [offsets, documents, frequencies, lengths] = (['offsets', 'documents', 'frequencies', 'lengths'] as const).map(
    (name) => numbers(name, sections[name], fail),
  ) as [Uint32Array, Uint32Array, Uint32Array, Uint32Array]
  const words = vocabulary()
  let line = 0
  for (const json of linesOf(sections.terms, fail)) {
    const term = parseTerm(json)
    if (term === undefined || words.add(term) !== line++) fail('different terms, one a line', shown(json))
  }
  if (offsets.length !== line + 1) fail(`offsets of ${line} terms`, `${offsets.length - 1}`)
  const postings = { vocabulary: words, offsets, documents, frequencies, lengths }
  const wrong = inconsistency(postings)
  if (wrong !== undefined) fail('consistent postings', wrong)
  return postings
}

/** The first thing in which the postings contradict themselves. */
function inconsistency({ offsets, documents, frequencies, lengths }: Postings): string | undefined {
  const terms = offsets.length - 1
  if (documents.length !== frequencies.length)
    return `${documents.length} documents and ${frequencies.length} frequencies`
  if (offsets[0] !== 0 || offsets[terms] !== documents.length) return 'offsets that do not span the postings'
  const found = new Float64Array(lengths.length)
  for (let t = 0; t < terms; t++) {
    if (offsets[t + 1]! <= offsets[t]! || offsets[t + 1]! > documents.length) return `no postings for term ${t}`
    for (let i = offsets[t]!; i < offsets[t + 1]!; i++) {
      const d = documents[i]!
      if (d >= lengths.length) return `document ${d} of ${lengths.length}`
      if (i > offsets[t]! && d <= documents[i - 1]!) return `postings of term ${t} out of order`
      if (frequencies[i] === 0) return `a posting of term ${t} with frequency 0`
      found[d]! += frequencies[i]!
    }
  }
  const wrong = lengths.findIndex((length, d) => length !== found[d])
  return wrong < 0 ? undefined : `document ${wrong} of length ${lengths[wrong]} with ${found[wrong]} terms`
}

function numbers(name: string, bytes: Uint8Array, fail: Fail): Uint32Array {
  if (bytes.length % 4 !== 0) fail(`${name} of 4 bytes each`, `${bytes.length} bytes`)
  // Not bytes.slice(), which for a Buffer is a view at the same address.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes)
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4)
}

function readDocuments(bytes: Uint8Array, fail: Fail): Document[] {
  const documents: Document[] = []
  const ids = new Set<string>()
  for (const line of linesOf(bytes, fail)) {
    const document = parseDocument(line)
    if (document === undefined || ids.has(document.id))
      fail('documents with an id of their own, one a line', shown(line))
    ids.add(document!.id)
    documents.push(document!)
  }
  return documents
}

/** Lines, each ended by a line feed, decoded one by one: a text of hundreds of megabytes does not fit into one string. */
function* linesOf(bytes: Uint8Array, fail: Fail): Generator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(10, start)
    if (end < 0) fail('a line feed after every line', 'none after the last')
    try {
      yield decoder.decode(bytes.subarray(start, end))
    } catch {
      fail('UTF-8', 'other bytes')
    }
    start = end + 1
  }
}

function parseTerm(json: string): string | undefined {
  try {
    const term: unknown = JSON.parse(json)
    return typeof term === 'string' ? term : undefined
  } catch {
    return undefined
  }
}
