import { isJsonObject, type JsonObject } from '../json-file'

/** A token that is cut out of the text before anything else happens to it. */
export interface AddedToken {
  readonly content: string
  /** Matches only where no word character touches it. */
  readonly singleWord: boolean
  /** Takes the white space before it. */
  readonly stripLeft: boolean
  /** Takes the white space after it. */
  readonly stripRight: boolean
  /** Looked for in the normalised text instead of the raw text. */
  readonly normalized: boolean
  /** Left out by `skipSpecialTokens`. */
  readonly special: boolean
}

/** The tokens that a tokenizer's settings name. */
export interface NamedTokens {
  readonly bos: string | undefined
  readonly eos: string | undefined
  readonly unk: string | undefined
  readonly pad: string | undefined
  /** Each role with its token, as chat templates know them: `bos_token`, `eos_token`, ... */
  readonly roles: Readonly<Record<string, string>>
  /** All named tokens (also sep, cls, mask, additional ones), each of which is special. */
  readonly all: readonly AddedToken[]
}

const roles = ['bos_token', 'eos_token', 'unk_token', 'pad_token', 'sep_token', 'cls_token', 'mask_token'] as const
const lists = ['additional_special_tokens', 'extra_special_tokens'] as const

/** Tokens named by `tokenizer_config.json` and, where it is silent, `special_tokens_map.json`. */
export const namedTokens = (config: JsonObject, map: JsonObject): NamedTokens => {
  const token = (key: string): AddedToken | undefined => asToken(config[key] ?? map[key])
  const listed = lists.flatMap((key) => listOf(config[key] ?? map[key]))
  const all = [...roles.map(token), ...listed.map(asToken)].filter((entry) => entry !== undefined)
  return {
    bos: token('bos_token')?.content,
    eos: token('eos_token')?.content,
    unk: token('unk_token')?.content,
    pad: token('pad_token')?.content,
    roles: Object.fromEntries(
      roles.flatMap((role) => (token(role) === undefined ? [] : [[role, token(role)!.content]])),
    ),
    all: [...new Map(all.map((entry) => [entry.content, entry])).values()],
  }
}

/** `added_tokens_decoder` of `tokenizer_config.json`: tokens by id. */
export const decoderTokens = (config: JsonObject): ReadonlyMap<number, AddedToken> => {
  const decoder = config.added_tokens_decoder
  if (!isJsonObject(decoder)) return new Map()
  const entries = Object.entries(decoder).map(([id, value]): [number, AddedToken | undefined] => [
    Number(id),
    addedToken(value),
  ])
  return new Map(entries.filter((entry): entry is [number, AddedToken] => entry[1] !== undefined))
}

/** An added token as `tokenizer.json` and `tokenizer_config.json` write it; undefined when it has no content. */
export const addedToken = (value: unknown): AddedToken | undefined => {
  if (!isJsonObject(value) || typeof value.content !== 'string' || value.content === '') return undefined
  const { content, single_word, lstrip, rstrip, normalized, special } = value
  return {
    content,
    singleWord: single_word === true,
    stripLeft: lstrip === true,
    stripRight: rstrip === true,
    normalized: normalized === undefined ? special !== true : normalized === true,
    special: special === true,
  }
}

/** A named token is written as a string or as an object, and is special either way. */
const asToken = (value: unknown): AddedToken | undefined => {
  const token = typeof value === 'string' ? addedToken({ content: value, special: true }) : addedToken(value)
  return token && { ...token, special: true }
}

const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : isJsonObject(value) ? Object.values(value) : []
