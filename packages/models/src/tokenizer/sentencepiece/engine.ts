import { type AddedTokenSplitter, addedTokenSplitter } from '../added-tokens'
import type { Engine, Literal, TrackedTokens } from '../engine'
import { TokenizerError } from '../errors'
import type { Part } from '../post-processors'
import type { TokenizerSettings } from '../settings'
import { type AddedToken, addedToken } from '../special-tokens'
import { parseSentencePiece, type SentencePieceModel } from './model'
import { type SentencePieceProcessor, sentencePieceProcessor } from './processor'

/**
 * Engine of a `tokenizer.model` as the slow Llama and Baichuan tokenizers of Transformers read it: special and added
 * tokens are cut out of the text first, and every piece between them gets a dummy space of its own. BOS and EOS are
 * added where `tokenizer_config.json` says so.
 *
 * @throws TokenizerError `bad-tokenizer` or `unsupported-tokenizer`
 */
export const sentencePieceEngine = (bytes: Uint8Array, settings: TokenizerSettings): Engine => {
  const model = parseSentencePiece(bytes)
  const processor = sentencePieceProcessor(model)
  const added = allAddedTokens(model, settings)
  const specialIds = new Set([...added].filter(([, { special }]) => special).map(([id]) => id))
  const entries = [...added].map(([id, token]) => ({ id, token, content: token.content }))
  const addedIds = new Map(entries.map(({ id, content }) => [content, id]))
  const textOf = (id: number): string | undefined => added.get(id)?.content ?? model.pieces[id]?.text
  const track = tracker(processor, {
    none: addedTokenSplitter(entries),
    special: addedTokenSplitter(entries.filter(({ id }) => !specialIds.has(id))),
    all: addedTokenSplitter([]),
  })

  return {
    size: Math.max(model.pieces.length, ...[...added.keys()].map((id) => id + 1)),
    specialIds,
    added,
    encode: (text, literal = 'none') => track(text, false, literal).ids,
    track: (text, literal = 'none') => track(text, true, literal),
    template: templateOf(model, settings, addedIds),
    decode: decoder(processor, added),
    tokenToId: (token) => addedIds.get(token) ?? model.pieces.findIndex(({ text }) => text === token),
    idToToken: textOf,
  }
}

const tracker = (processor: SentencePieceProcessor, splitters: Readonly<Record<Literal, AddedTokenSplitter>>) => {
  return (text: string, places: boolean, literal: Literal): TrackedTokens => {
    const ids: number[] = []
    const offsets: number[] = []
    for (const { id, from, to } of splitters[literal](text)) {
      if (id !== undefined) {
        ids.push(id)
        offsets.push(from, to)
      } else if (places) {
        const part = processor.track(text.slice(from, to))
        for (const own of part.ids) ids.push(own)
        for (const offset of part.offsets) offsets.push(from + offset)
      } else for (const own of processor.encode(text.slice(from, to))) ids.push(own)
    }
    return { ids, offsets }
  }
}

/** Pieces between added tokens are decoded on their own; a space goes before an added token that follows other text. */
const decoder =
  (processor: SentencePieceProcessor, added: ReadonlyMap<number, AddedToken>) =>
  (ids: ArrayLike<number>, skipSpecialTokens: boolean): string => {
    const kept = Array.from(ids).filter((id) => !(skipSpecialTokens && added.get(id)?.special))
    let text = ''
    let run: number[] = []
    let afterAdded = false
    kept.forEach((id, i) => {
      const token = added.get(id)
      if (token === undefined) run.push(id)
      else {
        if (!afterAdded && i !== 0) text += ' '
        text += processor.decode(run) + token.content
        run = []
      }
      afterAdded = token !== undefined
    })
    return text + processor.decode(run)
  }

const templateOf = (
  model: SentencePieceModel,
  { config, named }: TokenizerSettings,
  addedIds: ReadonlyMap<string, number>,
) => {
  const llama = /^(Code)?(Llama|Gemma)Tokenizer/.test(String(config.tokenizer_class ?? ''))
  const token = (flag: unknown, fallback: boolean, name: string | undefined, id: number): number[] => {
    if (!(typeof flag === 'boolean' ? flag : fallback)) return []
    const found = (name === undefined ? undefined : addedIds.get(name)) ?? id
    return found < 0 ? [] : [found]
  }
  const bos = token(config.add_bos_token, llama, named.bos, model.bosId)
  const eos = token(config.add_eos_token, false, named.eos, model.eosId)
  const around = (sequence: 0 | 1): Part[] => [
    ...(bos.length > 0 ? [{ sequence: undefined, typeId: sequence, ids: bos }] : []),
    { sequence, typeId: sequence, ids: [] },
    ...(eos.length > 0 ? [{ sequence: undefined, typeId: sequence, ids: eos }] : []),
  ]
  return (pair: boolean): Part[] => (pair ? [...around(0), ...around(1)] : around(0))
}

/** Added tokens by id: those the settings declare, and the model's own unknown, BOS and EOS pieces. */
const allAddedTokens = (
  { pieces, unkId, bosId, eosId }: SentencePieceModel,
  { added, named }: TokenizerSettings,
): Map<number, AddedToken> => {
  const tokens = new Map<number, AddedToken>()
  for (const id of [unkId, bosId, eosId]) {
    const piece = pieces[id]
    const token = piece && addedToken({ content: piece.text, special: true, normalized: false })
    if (token !== undefined) tokens.set(id, token)
  }
  for (const [id, token] of added) tokens.set(id, token)
  for (const token of named.all) {
    const known = [...tokens].find(([, { content }]) => content === token.content)?.[0]
    const id = known ?? pieces.findIndex(({ text }) => text === token.content)
    if (id < 0) throw absent(token.content)
    tokens.set(id, { ...token, ...tokens.get(id), special: true })
  }
  return tokens
}

const absent = (content: string): TokenizerError =>
  new TokenizerError(
    'bad-tokenizer',
    `loadTokenizer: expected the special token ${content} in tokenizer.model or added_tokens_decoder, got neither. Correct tokenizer_config.json.`,
  )
