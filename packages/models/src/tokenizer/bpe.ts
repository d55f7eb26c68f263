import type { JsonObject } from '../json-file'
import { byteCharacters, toByteCharacters } from './byte-level'
import { TokenizerError } from './errors'
import { applyMerges, type MergeTable, mergeTable, type Symbols, symbolsFor } from './merges'
import { byteTokens, type SubwordModel, type Vocabulary } from './model'

/** Words whose ids are kept. Natural text repeats few thousand words most of the time. */
const cacheSize = 20_000
/** Longer words are rarely seen twice. */
const cachedLength = 24

/**
 * BPE model of a `tokenizer.json`.
 *
 * @param fields     the `model` object
 * @param byteLevel  the vocabulary is in GPT-2's byte alphabet and words are taken as UTF-8
 */
export const bpe = (fields: JsonObject, vocabulary: Vocabulary, byteLevel: boolean): SubwordModel => {
  refuse(fields, 'dropout', (value) => typeof value === 'number' && value > 0)
  const table = mergesOf(fields, vocabulary)
  const start = byteLevel ? byteStarter(fields, vocabulary) : characterStarter(fields, vocabulary)
  const whole = fields.ignore_merges === true ? wholeWord(vocabulary, byteLevel) : undefined
  return withCache({
    encode(word, ids, bounds) {
      const id = whole?.(word)
      if (id !== undefined) {
        ids.push(id)
        bounds?.push(0, word.length)
        return
      }
      const symbols = start(word)
      applyMerges(symbols, table)
      for (let i = 0; i < symbols.count; i++) ids.push(symbols.ids[i]!)
      if (bounds !== undefined) pushBounds(symbols, word, byteLevel, bounds)
    },
  })
}

/** The word as it stands is a token (Llama 3 takes it without merging). */
const wholeWord = ({ ids }: Vocabulary, byteLevel: boolean) => {
  const encoder = new TextEncoder()
  return (word: string): number | undefined => ids.get(byteLevel ? toByteCharacters(encoder.encode(word)) : word)
}

const withCache = (model: SubwordModel): SubwordModel => {
  const cache = new Map<string, readonly number[]>()
  return {
    encode(word, ids, bounds) {
      if (bounds !== undefined || word.length > cachedLength) return model.encode(word, ids, bounds)
      const known = cache.get(word)
      if (known !== undefined) {
        for (const id of known) ids.push(id)
        return
      }
      const before = ids.length
      model.encode(word, ids)
      if (cache.size >= cacheSize) cache.clear()
      cache.set(word, ids.slice(before))
    },
  }
}

/** Symbols of a word before merging: its bytes. */
const byteStarter = ({ unk_token }: JsonObject, { ids }: Vocabulary) => {
  const byteIds = Int32Array.from(byteCharacters, (character) => ids.get(character) ?? ids.get(String(unk_token)) ?? -1)
  const encoder = new TextEncoder()
  let symbols = symbolsFor(256)
  return (word: string): Symbols => {
    const bytes = encoder.encode(word)
    if (bytes.length > symbols.ids.length) symbols = symbolsFor(2 * bytes.length)
    let count = 0
    for (const byte of bytes) {
      const id = byteIds[byte]!
      if (id < 0) continue // a vocabulary without this byte and without unk drops it, as the reference does
      symbols.ids[count] = id
      symbols.lengths[count++] = 1
    }
    symbols.count = count
    return symbols
  }
}

/** Symbols of a word before merging: its characters, or their bytes, or the unknown token. */
const characterStarter = (fields: JsonObject, { ids }: Vocabulary) => {
  const prefix = String(fields.continuing_subword_prefix ?? '')
  const suffix = String(fields.end_of_word_suffix ?? '')
  const fallback = fields.byte_fallback === true ? byteTokens(ids) : undefined
  const unknown = typeof fields.unk_token === 'string' ? ids.get(fields.unk_token) : undefined
  const fuse = fields.fuse_unk === true
  const encoder = new TextEncoder()
  let symbols = symbolsFor(256)

  const add = (id: number, length: number): void => {
    symbols.ids[symbols.count] = id
    symbols.lengths[symbols.count++] = length
  }
  const addUnknown = (length: number, previousUnknown: boolean): void => {
    if (previousUnknown && fuse) symbols.lengths[symbols.count - 1] = symbols.lengths[symbols.count - 1]! + length
    else if (unknown !== undefined) add(unknown, length)
  }
  return (word: string): Symbols => {
    if (4 * word.length > symbols.ids.length) symbols = symbolsFor(8 * word.length)
    symbols.count = 0
    let wasUnknown = false
    for (let i = 0; i < word.length; ) {
      const character = String.fromCodePoint(word.codePointAt(i)!)
      const end = i + character.length
      const id = ids.get((i > 0 ? prefix : '') + character + (end === word.length ? suffix : ''))
      if (id !== undefined) add(id, character.length)
      else if (fallback !== undefined) addBytes(symbols, encoder.encode(character), fallback, character.length)
      else addUnknown(character.length, wasUnknown)
      wasUnknown = id === undefined && fallback === undefined
      i = end
    }
    return symbols
  }
}

/** Byte tokens of one character. Only the last has a length; the others are marked by zero and share its place. */
const addBytes = (symbols: Symbols, bytes: Uint8Array, fallback: Int32Array, length: number): void => {
  bytes.forEach((byte, i) => {
    symbols.ids[symbols.count] = fallback[byte]!
    symbols.lengths[symbols.count++] = i === bytes.length - 1 ? length : 0
  })
}

const mergesOf = (fields: JsonObject, { ids }: Vocabulary): MergeTable => {
  const merges = fields.merges as readonly (string | readonly [string, string])[]
  if (!Array.isArray(merges)) throw malformed('a list of merges', fields.merges)
  const skip = String(fields.continuing_subword_prefix ?? '').length
  return mergeTable(merges.length, (rank) => {
    const merge = merges[rank]!
    const [a, b] = typeof merge === 'string' ? (merge.split(' ') as [string, string]) : merge
    const left = ids.get(a)
    const right = ids.get(b)
    const made = ids.get(a + b.slice(skip))
    if (left === undefined || right === undefined || made === undefined)
      throw malformed('merges of tokens of the vocabulary', merge)
    return { left, right, made }
  })
}

/** Places of the merged symbols in UTF-16 units of the word; parts of a character carry all of it. */
const pushBounds = (symbols: Symbols, word: string, byteLevel: boolean, bounds: number[]): void => {
  const units = byteLevel ? unitsOfBytes(word) : undefined
  let position = 0
  for (let i = 0; i < symbols.count; i++) {
    const end = position + symbols.lengths[i]!
    if (units !== undefined) bounds.push(units.begins[position]!, units.ends[end - 1]!)
    else if (end === position) bounds.push(position, position + (word.codePointAt(position)! > 0xffff ? 2 : 1))
    else bounds.push(position, end)
    position = end
  }
}

/** Begin and end, in UTF-16 units, of the character that each UTF-8 byte belongs to. */
const unitsOfBytes = (word: string): { begins: number[]; ends: number[] } => {
  const begins: number[] = []
  const ends: number[] = []
  for (let i = 0; i < word.length; ) {
    const code = word.codePointAt(i)!
    const next = i + (code > 0xffff ? 2 : 1)
    const bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
    for (let byte = 0; byte < bytes; byte++) {
      begins.push(i)
      ends.push(next)
    }
    i = next
  }
  return { begins, ends }
}

const refuse = (fields: JsonObject, key: string, unwanted: (value: unknown) => boolean): void => {
  if (!unwanted(fields[key])) return
  throw new TokenizerError(
    'unsupported-tokenizer',
    `loadTokenizer: expected a BPE model without ${key}, got ${JSON.stringify(fields[key])}. Remove it from tokenizer.json.`,
    { key: `model.${key}` },
  )
}

const malformed = (expected: string, value: unknown): TokenizerError =>
  new TokenizerError(
    'bad-tokenizer',
    `loadTokenizer: expected ${expected}, got ${JSON.stringify(value)?.slice(0, 80)}. Download tokenizer.json again.`,
  )
