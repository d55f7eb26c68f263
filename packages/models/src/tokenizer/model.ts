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

/** Vocabulary from token texts and ids. */
export const vocabularyOf = (entries: Iterable<readonly [token: string, id: number]>): Vocabulary => {
  const ids = new Map<string, number>()
  const tokens: string[] = []
  for (const [token, id] of entries) {
    ids.set(token, id)
    tokens[id] = token
  }
  return { ids, tokens }
}

/** Ids of the byte tokens `<0x00>` to `<0xFF>`; undefined when one is missing. */
export const byteTokens = (ids: ReadonlyMap<string, number>): Int32Array | undefined => {
  const found = Int32Array.from({ length: 256 }, (_, byte) => ids.get(byteToken(byte)) ?? -1)
  return found.includes(-1) ? undefined : found
}

const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`
