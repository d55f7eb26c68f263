import type { JsonObject } from '../json-file'
import { TokenizerError } from './errors'
import type { SubwordModel, Vocabulary } from './model'
import { isPair } from './span'

/** WordPiece model of a `tokenizer.json`: the longest known start of a word, again and again; else one unknown token. */
export const wordPiece = (fields: JsonObject, { ids }: Vocabulary): SubwordModel => {
  const prefix = String(fields.continuing_subword_prefix ?? '##')
  const unknown = unknownId(fields, ids)
  const longestWord = Number(fields.max_input_chars_per_word ?? 100)
  const longestToken = [...ids.keys()].reduce((longest, token) => Math.max(longest, token.length), 0)

  return {
    encode(word, out, bounds) {
      const before = out.length
      const boundsBefore = bounds?.length ?? 0
      let from = [...word].length > longestWord ? -1 : 0
      while (from >= 0 && from < word.length) {
        const end = longest(word, from)
        if (end > 0) {
          out.push(ids.get((from > 0 ? prefix : '') + word.slice(from, end))!)
          bounds?.push(from, end)
        }
        from = end
      }
      if (from >= 0) return
      out.length = before
      out.push(unknown)
      if (bounds === undefined) return
      bounds.length = boundsBefore
      bounds.push(0, word.length)
    },
  }

  /** End of the longest token that starts at `from`, -1 when none does. */
  function longest(word: string, from: number): number {
    const mark = from > 0 ? prefix : ''
    for (let end = Math.min(word.length, from + longestToken); end > from; end--) {
      if (isPair(word, end - 1)) continue
      if (ids.has(mark + word.slice(from, end))) return end
    }
    return -1
  }
}

/** WordLevel model: a word is a token or unknown. */
export const wordLevel = (fields: JsonObject, { ids }: Vocabulary): SubwordModel => {
  const unknown = unknownId(fields, ids)
  return {
    encode(word, out, bounds) {
      out.push(ids.get(word) ?? unknown)
      bounds?.push(0, word.length)
    },
  }
}

const unknownId = ({ unk_token }: JsonObject, ids: ReadonlyMap<string, number>): number => {
  const id = ids.get(String(unk_token))
  if (id !== undefined) return id
  throw new TokenizerError(
    'bad-tokenizer',
    `loadTokenizer: expected the unknown token in the vocabulary, got ${JSON.stringify(unk_token)}. Download tokenizer.json again.`,
    { key: 'model.unk_token' },
  )
}
