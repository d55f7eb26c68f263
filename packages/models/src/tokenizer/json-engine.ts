import { isJsonObject, type JsonObject } from '../json-file'
import { type AddedTokenSplitter, addedTokenSplitter, splitSpan } from './added-tokens'
import { bpe } from './bpe'
import { decoderOf } from './decoders'
import type { Engine, Literal, TrackedTokens } from './engine'
import { TokenizerError } from './errors'
import { type SubwordModel, type Vocabulary, vocabularyOf } from './model'
import { type Normalizer, normalizerOf } from './normalizers'
import { postProcessorOf, type Trim } from './post-processors'
import { type PreTokenizer, preTokenizerOf } from './pre-tokenizers'
import type { TokenizerSettings } from './settings'
import { beginAt, endAt, isPair, type Span, spanOf } from './span'
import { type AddedToken, addedToken } from './special-tokens'
import { unigram } from './unigram'
import { wordLevel, wordPiece } from './wordpiece'

/**
 * Engine of a parsed `tokenizer.json`, with the tokens that the settings beside it add. Ids, places and decoded text
 * equal those of the reference library.
 *
 * @throws TokenizerError `bad-tokenizer`, or `unsupported-tokenizer` with the name of what is not supported
 */
export const jsonEngine = (file: JsonObject, settings: Pick<TokenizerSettings, 'named' | 'added'>): Engine => {
  const model = requireModel(file)
  const vocabulary = vocabularyOf(requireVocabulary(model))
  const added = allAddedTokens(file, vocabulary, settings)
  const normalize = normalizerOf(file.normalizer)
  const preTokenizer = preTokenizerOf(file.pre_tokenizer)
  const subwords = modelOf(model, vocabulary, preTokenizer.byteLevel)
  const postProcessor = postProcessorOf(file.post_processor)
  const decoder = decoderOf(file.decoder)
  const specialIds = new Set([...added].filter(([, { special }]) => special).map(([id]) => id))
  const pipeline = pipelineOf({ added, specialIds, normalize, preTokenizer, subwords })
  const addedIds = new Map([...added].map(([id, { content }]) => [content, id]))
  const textOf = (id: number): string | undefined => added.get(id)?.content ?? vocabulary.tokens[id]

  return {
    size: Math.max(vocabulary.tokens.length, ...[...added.keys()].map((id) => id + 1)),
    specialIds,
    added,
    encode: (text, literal = 'none') => pipeline(text, false, literal).ids,
    track(text, literal = 'none') {
      const tokens = pipeline(text, true, literal)
      return postProcessor.trim === undefined ? tokens : trimmed(tokens, { text, trim: postProcessor.trim, textOf })
    },
    template: postProcessor.template,
    decode(ids, skipSpecialTokens) {
      const tokens: string[] = []
      for (let i = 0; i < ids.length; i++) {
        const token = skipSpecialTokens && specialIds.has(ids[i]!) ? undefined : textOf(ids[i]!)
        if (token !== undefined) tokens.push(token)
      }
      return decoder(tokens)
    },
    tokenToId: (token) => addedIds.get(token) ?? vocabulary.ids.get(token),
    idToToken: textOf,
  }
}

interface Steps {
  readonly added: ReadonlyMap<number, AddedToken>
  readonly specialIds: ReadonlySet<number>
  readonly normalize: Normalizer
  readonly preTokenizer: PreTokenizer
  readonly subwords: SubwordModel
}

/** Text to tokens: added tokens, normalisation, added tokens of normalised text, words, sub-words. */
const pipelineOf = ({ added, specialIds, normalize, preTokenizer, subwords }: Steps) => {
  const splittersOf = (tokens: [number, AddedToken][]): { raw: AddedTokenSplitter; normalized: AddedTokenSplitter } => {
    const entries = tokens.map(([id, token]) => ({ id, token, content: token.content }))
    return {
      raw: addedTokenSplitter(entries.filter(({ token }) => !token.normalized)),
      normalized: addedTokenSplitter(
        entries
          .filter(({ token }) => token.normalized)
          .map((entry) => ({ ...entry, content: normalize(spanOf(entry.content), false).text }))
          .filter(({ content }) => content !== ''),
      ),
    }
  }
  const splitters: Readonly<Record<Literal, ReturnType<typeof splittersOf>>> = {
    none: splittersOf([...added]),
    special: splittersOf([...added].filter(([id]) => !specialIds.has(id))),
    all: splittersOf([]),
  }

  return (text: string, track: boolean, literal: Literal): TrackedTokens => {
    const { raw, normalized } = splitters[literal]
    const ids: number[] = []
    const offsets: number[] = []
    const addWords = (span: Span): void => {
      for (const word of preTokenizer.split(span, track)) {
        if (!track) subwords.encode(word.text, ids)
        else {
          const bounds: number[] = []
          subwords.encode(word.text, ids, bounds)
          for (let i = 0; i < bounds.length; i += 2)
            offsets.push(beginAt(word, bounds[i]!), endAt(word, bounds[i + 1]!))
        }
      }
    }
    const addToken = (id: number, span: Span): void => {
      ids.push(id)
      if (track) offsets.push(beginAt(span, 0), endAt(span, span.text.length))
    }
    for (const outer of splitSpan(spanOf(wellFormed(text)), raw)) {
      if (outer.id !== undefined) addToken(outer.id, outer.span)
      else
        for (const inner of splitSpan(normalize(outer.span, track), normalized)) {
          if (inner.id !== undefined) addToken(inner.id, inner.span)
          else addWords(inner.span)
        }
    }
    return { ids, offsets }
  }
}

/** Half of a surrogate pair is no character; like an encoder to UTF-8, take it for U+FFFD. */
const wellFormed = (text: string): string => (/\p{Cs}/u.test(text) ? text.replace(/\p{Cs}/gu, '\ufffd') : text)

/** Tokens whose places leave out white space at their ends. */
const trimmed = (
  { ids, offsets }: TrackedTokens,
  { text, trim, textOf }: { text: string; trim: Trim; textOf: (id: number) => string | undefined },
): TrackedTokens => ({
  ids,
  offsets: ids.flatMap((id, i) => {
    const [begin, end] = [offsets[2 * i]!, offsets[2 * i + 1]!]
    const { leading, trailing } = trim(textOf(id) ?? '', i === 0 || begin === 0)
    const from = Math.min(forward(text, begin, leading), end)
    return [from, Math.max(back(text, end, trailing), from)]
  }),
})

/** Index so many characters further. */
const forward = (text: string, from: number, characters: number): number => {
  let at = from
  for (let left = characters; left > 0; left--) at += isPair(text, at) ? 2 : 1
  return at
}

/** Index so many characters before; where there are not so many, the index itself. */
const back = (text: string, from: number, characters: number): number => {
  let at = from
  for (let left = characters; left > 0; left--) at -= at >= 2 && isPair(text, at - 2) ? 2 : 1
  return at < 0 ? from : at
}

/** Added tokens by id: those of the file, then what the settings declare on top. */
const allAddedTokens = (
  file: JsonObject,
  vocabulary: Vocabulary,
  { named, added: declared }: Pick<TokenizerSettings, 'named' | 'added'>,
): Map<number, AddedToken> => {
  const tokens = new Map<number, AddedToken>()
  for (const entry of Array.isArray(file.added_tokens) ? file.added_tokens : []) {
    const token = addedToken(entry)
    if (token !== undefined && isJsonObject(entry) && Number.isInteger(entry.id)) tokens.set(Number(entry.id), token)
  }
  const known = new Set([...tokens.values()].map(({ content }) => content))
  for (const [id, token] of declared)
    if (!known.has(token.content)) tokens.set(vocabulary.ids.get(token.content) ?? id, token)
  for (const token of named.all) {
    const id = [...tokens].find(([, { content }]) => content === token.content)?.[0]
    if (id !== undefined) tokens.set(id, { ...tokens.get(id)!, special: true })
    else tokens.set(vocabulary.ids.get(token.content) ?? nextId(vocabulary, tokens), token)
  }
  return tokens
}

const nextId = (vocabulary: Vocabulary, tokens: ReadonlyMap<number, AddedToken>): number =>
  Math.max(vocabulary.tokens.length, ...[...tokens.keys()].map((id) => id + 1))

const requireModel = ({ model }: JsonObject): JsonObject => {
  if (isJsonObject(model)) return model
  throw malformed('an object with a model', model)
}

const requireVocabulary = ({ type, vocab }: JsonObject): Readonly<Record<string, number>> | [string, number][] => {
  if (Array.isArray(vocab) && vocab.every((entry) => Array.isArray(entry) && typeof entry[0] === 'string')) return vocab
  if (isJsonObject(vocab)) return vocab as Readonly<Record<string, number>>
  throw malformed(`a vocabulary for the model ${String(type)}`, vocab)
}

const modelOf = (fields: JsonObject, vocabulary: Vocabulary, byteLevel: boolean): SubwordModel => {
  const type = String(fields.type ?? guessType(fields))
  if (byteLevel && type !== 'BPE') throw malformed('a BPE model behind a ByteLevel pre-tokenizer', type)
  if (type === 'BPE') return bpe(fields, vocabulary, byteLevel)
  if (type === 'Unigram') return unigram(fields, vocabulary)
  if (type === 'WordPiece') return wordPiece(fields, vocabulary)
  if (type === 'WordLevel') return wordLevel(fields, vocabulary)
  throw new TokenizerError(
    'unsupported-tokenizer',
    `loadTokenizer: expected a model among BPE, Unigram, WordPiece, WordLevel, got ${type}. Report the tokenizer.`,
  )
}

/** Early files do not name the model. */
const guessType = (fields: JsonObject): string =>
  'merges' in fields
    ? 'BPE'
    : 'unk_id' in fields
      ? 'Unigram'
      : 'continuing_subword_prefix' in fields
        ? 'WordPiece'
        : 'WordLevel'

const malformed = (expected: string, value: unknown): TokenizerError =>
  new TokenizerError(
    'bad-tokenizer',
    `loadTokenizer: expected ${expected}, got ${JSON.stringify(value)?.slice(0, 80)}. Download tokenizer.json again.`,
  )
