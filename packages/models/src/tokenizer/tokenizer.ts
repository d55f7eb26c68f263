import { chatOf } from '../chat/chat'
import type { JsonObject } from '../json-file'
import { encodingOf, padEncodings } from './encoding'
import type { Engine } from './engine'
import { TokenizerError } from './errors'
import { jsonEngine } from './json-engine'
import { sentencePieceEngine } from './sentencepiece/engine'
import { parseSentencePiece } from './sentencepiece/model'
import { type TokenizerSettings, tokenizerSettings } from './settings'
import { streamDecoder } from './stream'
import type { Tokenizer } from './types'

/** Tokenizer of a parsed `tokenizer.json`, with settings as `tokenizerSettings` gives them. Errors as `loadTokenizer`. */
export const tokenizerFromJson = (file: JsonObject, settings: TokenizerSettings = tokenizerSettings()): Tokenizer =>
  tokenizerOf(jsonEngine(file, settings), settings)

/**
 * Tokenizer of a SentencePiece `tokenizer.model`. Tokens that the settings do not name are those of the model. Errors as
 * `loadTokenizer`.
 */
export const tokenizerFromSentencePiece = (
  bytes: Uint8Array,
  settings: TokenizerSettings = tokenizerSettings(),
): Tokenizer => {
  const { pieces, bosId, eosId, padId, unkId } = parseSentencePiece(bytes)
  const {
    bos = pieces[bosId]?.text,
    eos = pieces[eosId]?.text,
    pad = pieces[padId]?.text,
    unk = pieces[unkId]?.text,
  } = settings.named
  const roles = present({ bos_token: bos, eos_token: eos, pad_token: pad, unk_token: unk })
  const named = { ...settings.named, bos, eos, pad, unk, roles: { ...roles, ...settings.named.roles } }
  return tokenizerOf(sentencePieceEngine(bytes, settings), { ...settings, named })
}

const present = (roles: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(roles).filter((entry): entry is [string, string] => entry[1] !== undefined))

/** A tokenizer around an engine. */
export const tokenizerOf = (engine: Engine, settings: TokenizerSettings): Tokenizer => {
  const { bos, eos, pad, unk } = settings.named
  const idOf = (token: string | undefined): number | undefined =>
    token === undefined ? undefined : engine.tokenToId(token)
  const padId = idOf(pad)
  const around = surroundings(engine)

  const tokenizer: Tokenizer = {
    vocabularySize: engine.size,
    bosId: idOf(bos),
    eosId: idOf(eos),
    padId,
    unkId: idOf(unk),
    bosToken: bos,
    eosToken: eos,
    padToken: pad,
    unkToken: unk,
    specialIds: engine.specialIds,
    addedTokens: new Map([...engine.added].map(([id, { content }]) => [content, id])),
    maxLength: settings.maxLength,
    chatTemplate: settings.chatTemplate,

    encode(text, { addSpecialTokens = true, splitSpecialTokens = false } = {}) {
      const ids = engine.encode(text, splitSpecialTokens ? 'special' : 'none')
      return addSpecialTokens && around.any ? [...around.before, ...ids, ...around.after] : ids
    },
    encodeBatch: (texts, options) => texts.map((text) => tokenizer.encode(text, options)),
    encodeWithOffsets: (text, options) => encodingOf(engine, text, options),
    encodings(inputs, { padding, ...options } = {}) {
      const encodings = inputs.map((input) => encodingOf(engine, input, options))
      if (padding === undefined) return encodings
      const id = padding.id ?? padId
      if (id === undefined) throw noPadding()
      return padEncodings(encodings, { ...padding, id })
    },
    decode: (ids, { skipSpecialTokens = false } = {}) => engine.decode(ids, skipSpecialTokens),
    streamDecoder: ({ skipSpecialTokens = false } = {}) =>
      streamDecoder((ids) => engine.decode(ids, skipSpecialTokens)),
    tokenToId: engine.tokenToId,
    idToToken: engine.idToToken,
    chat: (messages, options) => chat.prompt(messages, options),
    applyChatTemplate: (messages, options) => chat.render(messages, options),
  }
  const chat = chatOf(engine, settings)
  return tokenizer
}

/** Ids that the template puts before and after a single text. */
const surroundings = (engine: Engine): { before: number[]; after: number[]; any: boolean } => {
  const parts = engine.template(false)
  const at = parts.findIndex(({ sequence }) => sequence !== undefined)
  const before = parts.slice(0, at).flatMap(({ ids }) => ids)
  const after = parts.slice(at + 1).flatMap(({ ids }) => ids)
  return { before, after, any: before.length + after.length > 0 }
}

const noPadding = (): TokenizerError =>
  new TokenizerError(
    'unknown-token',
    'encodings: expected a padding token, got a tokenizer without one. Give padding.id.',
  )
