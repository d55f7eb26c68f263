import { TokenizerError } from '../errors'
import { applyMerges, type MergeRule, mergeTable, symbolsFor } from '../merges'
import { isPair } from '../span'
import { type Trie, trie } from '../trie'
import type { Piece, SentencePieceModel } from './model'
import { userPieceEntries } from './normalize'

/** Segments of a normalised text: id and end of each, flat. Unknown characters come one by one. */
export type Segmenter = (text: string) => number[]

/** The segmentation algorithm of a model. */
export const segmenterOf = (model: SentencePieceModel): Segmenter =>
  model.algorithm === 'bpe' ? bpeSegmenter(model) : unigramSegmenter(model)

/** Pieces that text can become. */
const isText = ({ kind }: Piece): boolean => kind === 'normal' || kind === 'user' || kind === 'unused'

const bpeSegmenter = ({ pieces, unkId }: SentencePieceModel): Segmenter => {
  if (pieces.some(({ kind }) => kind === 'unused'))
    throw new TokenizerError(
      'unsupported-tokenizer',
      'loadTokenizer: expected a BPE model without unused pieces, got a restricted vocabulary. Use the unrestricted model.',
    )
  const { ids, rules } = mergeRules(pieces)
  const table = mergeTable(rules.length, (index) => rules[index]!)
  const userPieces = trie(userPieceEntries(pieces))
  let symbols = symbolsFor(256)
  return (text) => {
    if (text.length > symbols.ids.length) symbols = symbolsFor(2 * text.length)
    let count = 0
    for (let from = 0; from < text.length; ) {
      const user = userPieces.starts(text.charCodeAt(from)) ? userPieces.longest(text, from) : undefined
      const isUser = user !== undefined && user.value >= 0
      const end = isUser ? user.end : from + (isPair(text, from) ? 2 : 1)
      // Whole user pieces get ids of their own, which no rule merges.
      symbols.ids[count] = isUser ? -2 - user.value : (ids.get(text.slice(from, end)) ?? -1)
      symbols.lengths[count++] = end - from
      from = end
    }
    symbols.count = count
    applyMerges(symbols, table)
    const out: number[] = []
    for (let i = 0, end = 0; i < symbols.count; i++) {
      const id = symbols.ids[i]!
      end += symbols.lengths[i]!
      out.push(id <= -2 ? -2 - id : id < 0 || id >= pieces.length ? unkId : id, end)
    }
    return out
  }
}

/**
 * Every way to put a piece together from two shorter ones; the best score merges first. Characters that occur only
 * inside pieces get ids above those of the vocabulary.
 */
const mergeRules = (pieces: readonly Piece[]): { ids: ReadonlyMap<string, number>; rules: MergeRule[] } => {
  const ids = new Map<string, number>()
  pieces.forEach((piece, id) => {
    if (isText(piece)) ids.set(piece.text, id)
  })
  const known = [...ids]
  for (const [text] of known)
    for (const character of text) if (!ids.has(character)) ids.set(character, pieces.length + ids.size)
  const scores = [...new Set(known.map(([, id]) => pieces[id]!.score))].sort((a, b) => b - a)
  const priorities = new Map(scores.map((score, priority) => [score, priority]))
  const rules: MergeRule[] = []
  for (const [text, made] of known)
    for (let cut = 1; cut < text.length; cut++) {
      const left = ids.get(text.slice(0, cut))
      const right = left === undefined ? undefined : ids.get(text.slice(cut))
      if (right !== undefined) rules.push({ left: left!, right, made, priority: priorities.get(pieces[made]!.score)! })
    }
  return { ids, rules }
}

/** How much less likely than the rarest piece an unknown character is. */
const unknownPenalty = 10

/** Viterbi search in single precision, as the C++ library does it. */
const unigramSegmenter = ({ pieces, unkId }: SentencePieceModel): Segmenter => {
  const normal = pieces.filter(({ kind }) => kind === 'normal').map(({ score }) => score)
  const least = normal.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const most = normal.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const search: Trie = trie(
    pieces.flatMap((piece, id): [string, number][] =>
      isText(piece) && piece.kind !== 'unused' ? [[piece.text, id]] : [],
    ),
  )
  const encoder = new TextEncoder()
  /** User pieces win over whatever else covers their bytes. */
  const scores = pieces.map(({ text, score, kind }) =>
    kind === 'user' ? encoder.encode(text).length * most - 0.1 : score,
  )

  return (text) => {
    const best = new Float32Array(text.length + 1)
    const from = new Int32Array(text.length + 1).fill(-1)
    const chosen = new Int32Array(text.length + 1)
    const offer = (start: number, end: number, score: number, id: number): void => {
      const total = Math.fround(score + best[start]!)
      if (from[end] !== -1 && total <= best[end]!) return
      best[end] = total
      from[end] = start
      chosen[end] = id
    }
    for (let start = 0; start < text.length; ) {
      const next = start + (isPair(text, start) ? 2 : 1)
      let single = false
      search.prefixes(text, start, (end, id) => {
        offer(start, end, scores[id]!, id)
        single ||= end === next
      })
      if (!single) offer(start, next, Math.fround(least - unknownPenalty), unkId)
      start = next
    }
    const out: number[] = []
    for (let end = text.length; end > 0; end = from[end]!) out.push(end, chosen[end]!)
    return out.reverse()
  }
}
