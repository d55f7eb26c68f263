import { TokenizerError } from './errors'

/** Turns one word into token ids. */
export interface SubwordModel {
  /** Appends the ids of `word`. With `bounds`, also appends begin and end of each token in UTF-16 units of `word`. */
  encode(word: string, ids: number[], bounds?: number[]): void
}

/** Token texts by id and back. */
export interface Vocabulary {
  readonly ids: ReadonlyMap<string, number>
  readonly tokens: readonly (string | undefined)[]
}

/** Vocabulary of a `{token: id}` object or a list of `[token, score]`. */
export const vocabularyOf = (
  entries: Readonly<Record<string, number>> | readonly (readonly [string, number])[],
): Vocabulary => {
  const ids = new Map<string, number>()
  const tokens: string[] = []
  const add = (token: string, id: number): void => {
    if (!Number.isInteger(id) || id < 0 || id > largestId) throw malformedId(token, id)
    ids.set(token, id)
    tokens[id] = token
  }
  if (Array.isArray(entries)) entries.forEach(([token], id) => add(token, id))
  else for (const token in entries) add(token, (entries as Record<string, number>)[token]!)
  return { ids, tokens }
}

/** A damaged id must not make us build a table of gigabytes. */
const largestId = 2 ** 24

const malformedId = (token: string, id: unknown): TokenizerError =>
  new TokenizerError(
    'bad-tokenizer',
    `loadTokenizer: expected an id from 0 to ${largestId} for ${JSON.stringify(token)}, got ${JSON.stringify(id)}. Download tokenizer.json again.`,
    { key: 'model.vocab' },
  )

/** Ids of the byte tokens `<0x00>` to `<0xFF>`; undefined when one is missing. */
export const byteTokens = (ids: ReadonlyMap<string, number>): Int32Array | undefined => {
  const found = Int32Array.from({ length: 256 }, (_, byte) => ids.get(byteToken(byte)) ?? -1)
  return found.includes(-1) ? undefined : found
}

const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`
