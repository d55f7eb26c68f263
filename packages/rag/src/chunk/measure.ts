import type { Measure } from './units'

/** A tokenizer, as far as counting needs it; those of `@qilin-med/models` fit. */
export interface CountingTokenizer {
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): ArrayLike<number>
}

/** Number of Unicode characters (code points) of `text`. */
export function countCharacters(text: string): number {
  let pairs = 0
  for (let i = 1; i < text.length; i++)
    if ((text.charCodeAt(i) & 0xfc00) === 0xdc00 && (text.charCodeAt(i - 1) & 0xfc00) === 0xd800) pairs++
  return text.length - pairs
}

/**
 * Tokens that `text` takes, estimated without a tokenizer: one a Chinese, Japanese or Korean character, one for every four
 * letters or digits of a word begun, one a punctuation mark. Real tokenizers of Chinese models stay mostly below.
 */
export function estimateTokens(text: string): number {
  let count = 0
  for (const _ of text.matchAll(token)) count++
  return count
}

const token =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}])[\p{L}\p{M}\p{N}]){1,4}|[^\s\p{L}\p{M}\p{N}]/gu

/** Counts the tokens of `tokenizer`, special ones left out; without one, `estimateTokens`. */
export const tokenMeasure = (tokenizer?: CountingTokenizer): Measure =>
  tokenizer === undefined ? estimateTokens : (text) => tokenizer.encode(text, { addSpecialTokens: false }).length
