import type { StreamDecoder } from './types'

/** Tokens kept before a new one: more than any decoder needs to write it as in the whole text. */
const context = 6

/**
 * Text that grows token by token, in sum what decoding all tokens at once gives. A token that ends inside a character
 * gives nothing until the character is complete, so no U+FFFD appears that later turns into something else.
 *
 * Works with any decoder whose text of a token depends on a few tokens before it: it decodes a short window again with
 * each token and returns what was added.
 *
 * @param decode  text of token ids
 */
export const streamDecoder = (decode: (ids: readonly number[]) => string): StreamDecoder => {
  let window: number[] = []
  let given = '' // text of `window` that was returned already

  const shorten = (): void => {
    const tail = window.slice(-context)
    const text = decode(tail)
    if (text.includes('\uFFFD')) return // cut inside a character: wait for a better place
    window = tail
    given = text
  }

  return {
    push(id) {
      window.push(id)
      const text = decode(window)
      // A decoder may give up a whole run of byte tokens while its last character is unfinished.
      if (text.endsWith('\uFFFD') || !text.startsWith(given)) return ''
      const added = text.slice(given.length)
      given = text
      if (window.length >= 4 * context) shorten()
      return added
    },
    end() {
      const added = decode(window).slice(given.length)
      window = []
      given = ''
      return added
    },
  }
}
