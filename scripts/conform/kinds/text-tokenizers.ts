import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Encoding,
  parseSentencePiece,
  sentencePieceProcessor,
  type Tokenizer,
  tokenizerFromJson,
  tokenizerFromSentencePiece,
  tokenizerSettings,
} from '@qilin-med/models/tokenizer'
import type { Case, Folders, Kind, Outcome } from '../kind'

/** Tokenizers: ids, places, decoded text, streams, pairs, truncation and padding, all of them exact. */
export const kind: Kind = {
  prefix: 'text/tokenizers',
  discover: (folders) => {
    const folder = join(folders.golden, 'text/tokenizers')
    const stringsPath = join(folder, 'strings.json')
    if (!existsSync(stringsPath)) return []
    const { strings } = read<{ strings: string[] }>(stringsPath)
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json') && !name.endsWith('.tokenizer.json'))
      .sort()
      .flatMap((name) => fileCases(name.slice(0, -5), read<GoldenFile>(join(folder, name)), strings, folders))
  },
}

interface GoldenFile {
  readonly model?: string
  readonly reading?: string
  readonly rows?: readonly Row[]
  readonly decode?: readonly Decoded[]
  readonly stream?: readonly { text: string; ids: number[]; prefixes: string[] }[]
  readonly pairs?: readonly Pair[]
  readonly batch?: readonly Batch[]
}

interface Row {
  readonly i: number
  readonly ids: number[]
  readonly ids_special?: number[]
  readonly offsets?: number[]
  readonly pieces?: string[]
  readonly normalized?: string
  readonly decoded: string
  readonly decoded_skip?: string
  readonly decoded_bos_eos?: string
  readonly decoded_bos_eos_skip?: string
}

interface Decoded {
  readonly ids: number[]
  readonly decoded: string
  readonly decoded_skip?: string
  readonly decoded_hf?: string
  readonly decoded_hf_skip?: string
}

interface Pair {
  readonly a: string
  readonly b: string
  readonly ids: number[]
  readonly type_ids: number[]
  readonly special_tokens_mask: number[]
  readonly sequence_ids: (number | null)[]
  readonly offsets: [number, number][]
}

interface Batch {
  readonly truncation: { max_length: number; stride?: number; strategy: Strategy; direction?: Side } | null
  readonly padding?: { direction: Side; length: number | null; pad_to_multiple_of: number | null } | null
  readonly texts?: string[]
  readonly pair?: [string, string]
  readonly rows?: { ids: number[]; type_ids?: number[]; attention_mask?: number[]; overflowing?: number[][] }[]
  readonly error?: string
}

type Strategy = 'longest_first' | 'only_first' | 'only_second'
type Side = 'left' | 'right'

function fileCases(name: string, file: GoldenFile, strings: string[], folders: Folders): Case[] {
  if (file.rows === undefined) return []
  const path = `text/tokenizers/${name}`
  const model = modelPath(file, folders)
  const one = (part: string, run: (model: string) => Outcome): Case => ({
    path,
    name: part,
    run: () =>
      model === undefined || !existsSync(model)
        ? { skipped: `needs ${file.model ?? baichuan} of the data folder` }
        : run(model),
  })
  if (file.reading?.startsWith('plain')) return sentencePieceCases(file, strings, one)
  if (file.reading !== undefined) return slowCases(file, strings, one)
  return fastCases(file, strings, one)
}

type MakeCase = (part: string, run: (model: string) => Outcome) => Case

const baichuan = 'models/baichuan-7b/tokenizer.model'

/** Models lie in the golden folder (`tokenizers/...`) or in the data folder (`models/...`). */
function modelPath({ model = baichuan }: GoldenFile, { golden, data }: Folders): string | undefined {
  if (model.startsWith('tokenizers/')) return join(golden, 'text', model)
  return data === undefined ? undefined : join(data, model)
}

function fastCases(file: GoldenFile, strings: string[], one: MakeCase): Case[] {
  const cached = once((model: string) => tokenizerFromJson(read(model)))
  const each = <T>(
    part: string,
    items: readonly T[] | undefined,
    pairOf: (tokenizer: Tokenizer, item: T) => [unknown, unknown],
  ) => (items === undefined ? [] : [one(part, (model) => mismatches(items, (item) => pairOf(cached(model), item)))])
  return [
    ...each('ids', file.rows, (tokenizer, row) => [
      [tokenizer.encode(strings[row.i]!, { addSpecialTokens: false }), tokenizer.encode(strings[row.i]!)],
      [row.ids, row.ids_special ?? row.ids],
    ]),
    ...each('offsets', file.rows, (tokenizer, row) => {
      const encoding = tokenizer.encodeWithOffsets(strings[row.i]!, { addSpecialTokens: false })
      const points = codePoints(strings[row.i]!)
      return [
        { ids: encoding.ids, offsets: encoding.offsets.map((unit) => points[unit]) },
        { ids: row.ids, offsets: row.offsets },
      ]
    }),
    ...each('decoded', file.rows, (tokenizer, row) => [
      bothTexts(tokenizer, row.ids_special ?? row.ids),
      [row.decoded, row.decoded_skip ?? row.decoded],
    ]),
    ...each('random ids', file.decode, (tokenizer, row) => [
      bothTexts(tokenizer, row.ids),
      [row.decoded, row.decoded_skip],
    ]),
    ...each('stream', file.stream, (tokenizer, row) => [
      streamed(row.text, row.ids, {
        encode: (text) => tokenizer.encode(text, { addSpecialTokens: false }),
        decode: (ids) => tokenizer.decode(ids, { skipSpecialTokens: true }),
        tokenizer,
      }),
      { ids: row.ids, prefixes: row.prefixes, whole: row.prefixes.at(-1) },
    ]),
    ...each('pairs', file.pairs, (tokenizer, pair) => [pairOf(tokenizer, pair), goldenPair(pair)]),
    ...each('batch', file.batch, (tokenizer, batch) => [
      batchOf(tokenizer, batch),
      batch.error === undefined ? batch.rows : 'error',
    ]),
  ]
}

function sentencePieceCases(file: GoldenFile, strings: string[], one: MakeCase): Case[] {
  const cached = once((model: string) => {
    const bytes = readFileSync(model)
    return { plain: sentencePieceProcessor(parseSentencePiece(bytes)), slow: tokenizerFromSentencePiece(bytes) }
  })
  return [
    one('ids, pieces, offsets', (model) =>
      mismatches(file.rows!, (row) => {
        const { plain } = cached(model)
        const text = strings[row.i]!
        const { ids, offsets } = plain.track(text)
        const bytes = utf8Bytes(text)
        return [
          [
            plain.encode(text),
            ids,
            ids.map((id) => plain.model.pieces[id]!.text),
            offsets.map((unit) => bytes[unit]),
            plain.normalize(text),
          ],
          [row.ids, row.ids, goldenPieces(row, plain.model), row.offsets, row.normalized],
        ]
      }),
    ),
    one('decoded', (model) => mismatches(file.rows!, (row) => [cached(model).plain.decode(row.ids), row.decoded])),
    one('random ids', (model) =>
      mismatches(file.decode ?? [], ({ ids, decoded, decoded_hf, decoded_hf_skip }) => {
        const { plain, slow } = cached(model)
        return [
          [plain.decode(ids), ...bothTexts(slow, ids)],
          [decoded, decoded_hf, decoded_hf_skip],
        ]
      }),
    ),
    one('stream', (model) =>
      mismatches(file.stream ?? [], (row) => {
        const { plain, slow } = cached(model)
        return [
          streamed(row.text, row.ids, { ...plain, tokenizer: slow }),
          { ids: row.ids, prefixes: row.prefixes, whole: row.prefixes.at(-1) },
        ]
      }),
    ),
  ]
}

/** Pieces of the reference; unknown ones carry their text there and the name of the unknown piece here. */
const goldenPieces = (row: Row, { pieces, unkId }: { pieces: readonly { text: string }[]; unkId: number }): string[] =>
  (row.pieces ?? []).map((piece, i) => (row.ids[i] === unkId ? pieces[unkId]!.text : piece))

function slowCases(file: GoldenFile, strings: string[], one: MakeCase): Case[] {
  const cached = once((model: string) => {
    const bytes = readFileSync(model)
    const both = tokenizerSettings({ add_bos_token: true, add_eos_token: true })
    return { plain: tokenizerFromSentencePiece(bytes), around: tokenizerFromSentencePiece(bytes, both) }
  })
  return [
    one('ids', (model) => mismatches(file.rows!, (row) => [cached(model).plain.encode(strings[row.i]!), row.ids])),
    one('decoded', (model) =>
      mismatches(file.rows!, (row) => [
        bothTexts(cached(model).plain, row.ids),
        [row.decoded, row.decoded_skip ?? row.decoded],
      ]),
    ),
    one('with BOS and EOS', (model) =>
      mismatches(file.rows!, (row) => {
        const { around } = cached(model)
        const ids = around.encode(strings[row.i]!)
        const expected = [around.bosId!, ...row.ids, around.eosId!]
        return [
          [ids, ...bothTexts(around, ids)],
          [expected, row.decoded_bos_eos, row.decoded_bos_eos_skip],
        ]
      }),
    ),
  ]
}

const bothTexts = (tokenizer: Tokenizer, ids: number[]): [string, string] => [
  tokenizer.decode(ids),
  tokenizer.decode(ids, { skipSpecialTokens: true }),
]

interface Streamed {
  encode(text: string): number[]
  decode(ids: number[]): string
  readonly tokenizer: Tokenizer
}

/** Ids, the text of every prefix, and what a stream decoder gives in sum. */
function streamed(text: string, ids: number[], { encode, decode, tokenizer }: Streamed) {
  const stream = tokenizer.streamDecoder({ skipSpecialTokens: true })
  const whole = ids.map((id) => stream.push(id)).join('') + stream.end()
  return { ids: encode(text), prefixes: ids.map((_, i) => decode(ids.slice(0, i + 1))), whole }
}

function pairOf(tokenizer: Tokenizer, { a, b }: Pair) {
  const encoding = tokenizer.encodings([[a, b]])[0]!
  const points = [codePoints(a), codePoints(b)]
  const place = (i: number, unit: number): number => {
    const sequence = encoding.sequenceIds[i]
    return sequence === undefined ? unit : points[sequence]![unit]!
  }
  const { ids, typeIds, specialTokensMask, sequenceIds, offsets } = encoding
  return {
    ids,
    typeIds,
    specialTokensMask,
    sequenceIds: sequenceIds.map((id) => id ?? null),
    offsets: ids.map((_, i) => [place(i, offsets[2 * i]!), place(i, offsets[2 * i + 1]!)]),
  }
}

const goldenPair = ({ ids, type_ids, special_tokens_mask, sequence_ids, offsets }: Pair) => ({
  ids,
  typeIds: type_ids,
  specialTokensMask: special_tokens_mask,
  sequenceIds: sequence_ids,
  offsets,
})

function batchOf(tokenizer: Tokenizer, { truncation, padding, texts, pair, rows }: Batch): unknown {
  const options = {
    ...(truncation && {
      truncation: {
        maxLength: truncation.max_length,
        stride: truncation.stride ?? 0,
        strategy: truncation.strategy,
        side: truncation.direction ?? 'right',
      },
    }),
    ...(padding && {
      padding: {
        side: padding.direction,
        ...(padding.length !== null && { length: padding.length }),
        ...(padding.pad_to_multiple_of !== null && { multipleOf: padding.pad_to_multiple_of }),
        id: 0,
      },
    }),
  }
  try {
    const encodings = tokenizer.encodings(pair === undefined ? (texts ?? []) : [pair], options)
    return encodings.map((encoding, i) => sameKeys(encoding, rows?.[i] ?? {}))
  } catch {
    return 'error'
  }
}

const sameKeys = ({ ids, typeIds, attentionMask, overflow }: Encoding, golden: object): object => {
  const all: Record<string, unknown> = {
    ids,
    type_ids: typeIds,
    attention_mask: attentionMask,
    overflowing: overflow.map((piece) => piece.ids),
  }
  return Object.fromEntries(Object.keys(golden).map((key) => [key, all[key]]))
}

/** How many items differ; the first one is shown. */
function mismatches<T>(items: readonly T[], compare: (item: T) => [ours: unknown, golden: unknown]): Outcome {
  let count = 0
  let first = ''
  for (const item of items) {
    const [ours, golden] = compare(item).map((side) => JSON.stringify(side))
    if (ours === golden) continue
    if (count++ === 0) first = `; got ${ours?.slice(0, 120)} for ${golden?.slice(0, 120)}`
  }
  return { difference: count, tolerance: 0, detail: `${items.length} rows${first}` }
}

/** Code points before each UTF-16 unit of a text. */
const codePoints = (text: string): number[] => placesBefore(text, () => 1)

/** UTF-8 bytes before each UTF-16 unit of a text. */
const utf8Bytes = (text: string): number[] => placesBefore(text, (character) => Buffer.byteLength(character))

function placesBefore(text: string, size: (character: string) => number): number[] {
  const places = [0]
  for (const character of text) {
    const next = places.at(-1)! + size(character)
    for (let unit = 0; unit < character.length; unit++) places.push(next)
  }
  return places
}

const once = <T>(make: (key: string) => T): ((key: string) => T) => {
  const made = new Map<string, T>()
  return (key) => {
    if (!made.has(key)) made.set(key, make(key))
    return made.get(key)!
  }
}

const read = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T
