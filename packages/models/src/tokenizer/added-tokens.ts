import { isPair, type Span, sliceSpan } from './span'
import type { AddedToken } from './special-tokens'
import { trie } from './trie'

/** A token found in a text, or the text between two of them. */
export type Section =
  | { readonly id: number; readonly from: number; readonly to: number }
  | { readonly id: undefined; readonly from: number; readonly to: number }

/** Cuts added tokens out of a text: leftmost first, the longest of several at one place. */
export type AddedTokenSplitter = (text: string) => Section[]

/** Splitter for the given tokens; `content` is the text looked for (normalised, for tokens that are). */
export const addedTokenSplitter = (
  tokens: readonly { id: number; content: string; token: AddedToken }[],
): AddedTokenSplitter => {
  if (tokens.length === 0) return (text) => [{ id: undefined, from: 0, to: text.length }]
  const search = trie(tokens.map(({ content }, index) => [content, index] as const))

  return (text) => {
    const sections: Section[] = []
    let done = 0
    for (let at = 0; at < text.length; ) {
      const match = search.starts(text.charCodeAt(at)) ? search.longest(text, at) : undefined
      if (match === undefined || match.value < 0) {
        at++
        continue
      }
      const { id, token } = tokens[match.value]!
      if (!token.singleWord || standsAlone(text, at, match.end)) {
        const from = token.stripLeft ? Math.max(done, at - trailingSpace(text.slice(0, at))) : at
        const to = token.stripRight ? match.end + leadingSpace(text.slice(match.end)) : match.end
        if (from > done) sections.push({ id: undefined, from: done, to: from })
        sections.push({ id, from, to })
        done = to
      }
      at = Math.max(match.end, done)
    }
    if (done < text.length) sections.push({ id: undefined, from: done, to: text.length })
    return sections
  }
}

/** The sections of a span, as spans with the id of the token, if it is one. */
export const splitSpan = (span: Span, splitter: AddedTokenSplitter): { id: number | undefined; span: Span }[] => {
  const sections = splitter(span.text)
  if (sections.length === 1 && sections[0]!.id === undefined) return [{ id: undefined, span }]
  return sections.map(({ id, from, to }) => ({ id, span: sliceSpan(span, from, to) }))
}

const wordCharacter = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]/u

const standsAlone = (text: string, from: number, to: number): boolean => {
  const before =
    from >= 2 && isPair(text, from - 2) ? text.slice(from - 2, from) : text.slice(Math.max(0, from - 1), from)
  const after = text.slice(to, to + (isPair(text, to) ? 2 : 1))
  return !wordCharacter.test(before) && !wordCharacter.test(after)
}

const trailingSpace = (text: string): number => /\p{White_Space}*$/u.exec(text)![0].length

const leadingSpace = (text: string): number => /^\p{White_Space}*/u.exec(text)![0].length
