import type { JsonObject } from '../json-file'
import { TokenizerError } from './errors'
import { byteTokens, type SubwordModel, type Vocabulary } from './model'
import { isPair } from './span'
import { type Trie, trie } from './trie'

/** How much less likely than the rarest piece an unknown character is. */
const unknownPenalty = 10

/** Unigram model of a `tokenizer.json`: the segmentation of a word with the highest sum of log-probabilities. */
export const unigram = (fields: JsonObject, { ids, tokens }: Vocabulary): SubwordModel => {
  const pieces = fields.vocab as readonly (readonly [string, number])[]
  const unknown = typeof fields.unk_id === 'number' ? fields.unk_id : undefined
  const scores = Float64Array.from(pieces, ([, score]) => score)
  const fallback = fields.byte_fallback === true ? byteTokens(ids) : undefined
  const unknownScore =
    pieces.reduce((least, [, score]) => Math.min(least, score), Number.POSITIVE_INFINITY) - unknownPenalty
  const search = bestPath({ scores, unknownScore, pieces: trie(pieces.map(([piece], id) => [piece, id] as const)) })
  const encoder = new TextEncoder()

  return {
    encode(word, out, bounds) {
      for (const [from, to] of search(word)) {
        const piece = word.slice(from, to)
        const id = ids.get(piece)
        if (id !== undefined && tokens[id] === piece) out.push(id)
        else if (fallback !== undefined) {
          const bytes = encoder.encode(piece)
          bytes.forEach((byte) => {
            out.push(fallback[byte]!)
          })
          for (let extra = 1; extra < bytes.length; extra++) bounds?.push(from, to)
        } else if (unknown !== undefined) out.push(unknown)
        else throw noUnknown(piece)
        bounds?.push(from, to)
      }
    },
  }
}

/** Viterbi search; neighbouring unknown characters become one stretch. */
const bestPath = ({ pieces, scores, unknownScore }: { pieces: Trie; scores: Float64Array; unknownScore: number }) => {
  return (word: string): (readonly [number, number])[] => {
    const best = new Float64Array(word.length + 1).fill(Number.NEGATIVE_INFINITY)
    const from = new Int32Array(word.length + 1).fill(-1)
    const isUnknown = new Uint8Array(word.length + 1)
    best[0] = 0
    const offer = (start: number, end: number, score: number, unknown: 0 | 1): void => {
      if (from[end] !== -1 && score <= best[end]!) return
      best[end] = score
      from[end] = start
      isUnknown[end] = unknown
    }
    for (let start = 0; start < word.length; ) {
      const next = start + (isPair(word, start) ? 2 : 1)
      let single = false
      pieces.prefixes(word, start, (end, id) => {
        offer(start, end, best[start]! + scores[id]!, 0)
        single ||= end === next
      })
      if (!single) offer(start, next, best[start]! + unknownScore, 1)
      start = next
    }
    return backtrack(word.length, from, isUnknown)
  }
}

const backtrack = (length: number, from: Int32Array, isUnknown: Uint8Array): (readonly [number, number])[] => {
  const path: (readonly [number, number])[] = []
  for (let end = length; end > 0; ) {
    let start = from[end]!
    while (isUnknown[end] === 1 && start > 0 && isUnknown[start] === 1) start = from[start]!
    path.push([start, end])
    end = start
  }
  return path.reverse()
}

const noUnknown = (piece: string): TokenizerError =>
  new TokenizerError(
    'unknown-token',
    `encode: expected text within the vocabulary, which has no unknown token, got ${JSON.stringify(piece)}. Normalise the text first.`,
  )
