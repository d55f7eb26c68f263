import { isJsonObject, type JsonObject } from '../json-file'
import { byteCharacters } from './byte-level'
import { TokenizerError } from './errors'

/** Tokens of one sequence (0 or 1), or of the template itself (undefined). */
export interface Part {
  readonly sequence: 0 | 1 | undefined
  readonly typeId: number
  /** The template's tokens. */
  readonly ids: readonly number[]
}

/** Characters at the ends of a token that are white space; `atStart` says that the token starts the text. */
export type Trim = (token: string, atStart: boolean) => { readonly leading: number; readonly trailing: number }

/** How sequences are put together with special tokens. */
export interface PostProcessor {
  /** Parts of the result in order. */
  template(pair: boolean): readonly Part[]
  /** White space that byte-level tokens carry and that is not part of their place, where the file wants it so. */
  trim: Trim | undefined
}

/**
 * The post-processor that `tokenizer.json` describes.
 *
 * @throws TokenizerError `unsupported-tokenizer` when it names a kind that is not known
 */
export const postProcessorOf = (value: unknown): PostProcessor => {
  const steps = flatten(value).map(stepOf)
  return {
    template: steps.find((step) => step.template !== undefined)?.template ?? plain,
    trim: steps.find((step) => step.trim !== undefined)?.trim,
  }
}

const plain = (pair: boolean): Part[] => [sequence(0, 0), ...(pair ? [sequence(1, 1)] : [])]

const sequence = (index: 0 | 1, typeId: number): Part => ({ sequence: index, typeId, ids: [] })

const special = (typeId: number, ...ids: number[]): Part => ({ sequence: undefined, typeId, ids })

const flatten = (value: unknown): JsonObject[] => {
  if (value === null || value === undefined) return []
  if (!isJsonObject(value)) throw unknown(value)
  return value.type === 'Sequence' ? (value.processors as unknown[]).flatMap(flatten) : [value]
}

const stepOf = (fields: JsonObject): Partial<PostProcessor> => {
  const kind = kinds[String(fields.type)]
  if (kind === undefined) throw unknown(fields)
  return kind(fields)
}

const kinds: Readonly<Record<string, (fields: JsonObject) => Partial<PostProcessor>>> = {
  ByteLevel: ({ trim_offsets, add_prefix_space }) =>
    trim_offsets === false ? {} : { trim: trimSpaces(add_prefix_space !== false) },
  TemplateProcessing: ({ single, pair, special_tokens }) => {
    const parts = { single: templateParts(single, special_tokens), pair: templateParts(pair, special_tokens) }
    return { template: (isPair) => (isPair ? parts.pair : parts.single) }
  },
  BertProcessing: ({ cls, sep }) => ({
    template: (pair) => [
      special(0, tokenId(cls)),
      sequence(0, 0),
      special(0, tokenId(sep)),
      ...(pair ? [sequence(1, 1), special(1, tokenId(sep))] : []),
    ],
  }),
  RobertaProcessing: ({ cls, sep, trim_offsets, add_prefix_space }) => ({
    template: (pair) => [
      special(0, tokenId(cls)),
      sequence(0, 0),
      special(0, tokenId(sep)),
      ...(pair ? [special(0, tokenId(sep)), sequence(1, 0), special(0, tokenId(sep))] : []),
    ],
    trim: trim_offsets === false ? undefined : trimSpaces(add_prefix_space !== false),
  }),
}

const templateParts = (items: unknown, specialTokens: unknown): Part[] => {
  if (!Array.isArray(items)) throw unknown(items)
  return items.map((item: JsonObject) => {
    if (isJsonObject(item.Sequence)) return sequence(item.Sequence.id === 'B' ? 1 : 0, Number(item.Sequence.type_id))
    const name = isJsonObject(item.SpecialToken) ? String(item.SpecialToken.id) : ''
    const token = isJsonObject(specialTokens) ? specialTokens[name] : undefined
    if (!isJsonObject(token) || !Array.isArray(token.ids)) throw unknown(item)
    return special(Number((item.SpecialToken as JsonObject).type_id), ...(token.ids as number[]))
  })
}

/** `["[CLS]", 101]` */
const tokenId = (value: unknown): number => Number((value as readonly unknown[])[1])

/** A space that was put before the text never had a place to give up. */
const trimSpaces =
  (prefixSpace: boolean): Trim =>
  (token, atStart) => {
    const characters = [...token]
    const firstKept = characters.findIndex((character) => !isSpace(character))
    if (firstKept < 0) {
      const all = characters.length
      return { leading: prefixSpace && atStart ? Math.max(0, all - 1) : all, trailing: all }
    }
    const trailing = characters.length - 1 - characters.findLastIndex((character) => !isSpace(character))
    return { leading: firstKept > 0 && prefixSpace && atStart ? firstKept - 1 : firstKept, trailing }
  }

const isSpace = (character: string): boolean => character === byteCharacters[32] || /\p{White_Space}/u.test(character)

const unknown = (value: unknown): TokenizerError =>
  new TokenizerError(
    'unsupported-tokenizer',
    `loadTokenizer: expected a post-processor among ${Object.keys(kinds).join(', ')}, got ${JSON.stringify(value)?.slice(0, 100)}. Report the tokenizer.`,
  )
