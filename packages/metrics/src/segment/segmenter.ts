import type { Tokenizer } from '../text/tokenizer'
import { isWhitespace } from '../text/whitespace'
import { bestPath, wordEnds } from './best-path'
import type { Dictionary } from './dictionary'

/** Chinese word segmentation with jieba's rules. */
export interface Segmenter extends Tokenizer {
  /** Words of `text`; unknown ones are recognised by the hidden Markov model unless `hmm` is false. */
  cut(text: string, options?: { readonly hmm?: boolean }): string[]
  /** The words, each longer one preceded by the dictionary words of two and three characters within it. */
  cutForSearch(text: string, options?: { readonly hmm?: boolean }): string[]
  /** All dictionary words at every position. */
  cutAll(text: string): string[]
}

/**
 * jieba 0.42.1's segmentation from a dictionary and a recogniser of unknown words.
 *
 * @param recognise  cuts a run of Chinese characters by the hidden Markov model alone
 */
export function segmenter(name: string, dictionary: Dictionary, recognise: (run: string) => string[]): Segmenter {
  const cut: Segmenter['cut'] = (text, { hmm = true } = {}) => {
    const words: string[] = []
    for (const block of text.split(wordBlocks)) {
      if (block === '') continue
      if (!startsBlock.test(block)) pushOthers(block, words)
      else if (hmm) pushRecognised(block, dictionary, recognise, words)
      else pushDictionaryWords(block, dictionary, words)
    }
    return words
  }
  return {
    name,
    cut,
    cutForSearch: (text, options) => cut(text, options).flatMap((word) => [...partsOf(word, dictionary), word]),
    cutAll: (text) =>
      text
        .split(wordBlocks)
        .flatMap((block) =>
          block === '' ? [] : startsBlock.test(block) ? allWords(block, dictionary) : splitSpaces(block),
        ),
  }
}

/** Characters that words are made of; the dash is among them, ideographs beyond U+9FD5 are not. */
const wordBlocks = /([\u4e00-\u9fd5a-zA-Z0-9+#&._%-]+)/
const startsBlock = /^[\u4e00-\u9fd5a-zA-Z0-9+#&._%-]/
const chineseRuns = /([\u4e00-\u9fd5]+)/
const numbersAndLatin = /([a-zA-Z0-9]+(?:\.\d+)?%?)/

/** Text between blocks: every code point is a word of its own, except that `\r\n` stays together. */
function pushOthers(block: string, words: string[]): void {
  for (let i = 0; i < block.length; i++) {
    const code = block.codePointAt(i)!
    const length = code > 0xffff || (code === 0x0d && block.charCodeAt(i + 1) === 0x0a) ? 2 : 1
    words.push(block.slice(i, i + length))
    i += length - 1
  }
}

/** The pieces between white-space characters with these characters themselves, empty pieces included, as Python splits. */
function splitSpaces(block: string): string[] {
  const pieces: string[] = []
  let start = 0
  for (let i = 0; i < block.length; i++) {
    if (!isWhitespace(block.charCodeAt(i))) continue
    const length = block.startsWith('\r\n', i) ? 2 : 1
    pieces.push(block.slice(start, i), block.slice(i, i + length))
    i += length - 1
    start = i + 1
  }
  pieces.push(block.slice(start))
  return pieces
}

/** Words of the best path; runs of single characters that are no word together go to the recogniser. */
function pushRecognised(
  block: string,
  dictionary: Dictionary,
  recognise: (run: string) => string[],
  words: string[],
): void {
  const ends = bestPath(block, dictionary)
  let singles = 0 // where the current run of single characters began, counted from its end
  for (let i = 0; i < block.length; i = ends[i]!) {
    if (ends[i]! - i === 1) {
      singles++
      continue
    }
    pushSingles(block.slice(i - singles, i), dictionary, recognise, words)
    singles = 0
    words.push(block.slice(i, ends[i]))
  }
  pushSingles(block.slice(block.length - singles), dictionary, recognise, words)
}

function pushSingles(run: string, dictionary: Dictionary, recognise: (run: string) => string[], words: string[]): void {
  if (run === '') return
  if (run.length === 1 || dictionary.frequencyOf(run) > 0) {
    words.push(...run)
    return
  }
  for (const part of run.split(chineseRuns)) {
    if (part === '') continue
    if (part.charCodeAt(0) >= 0x4e00) words.push(...recognise(part))
    else words.push(...part.split(numbersAndLatin).filter((piece) => piece !== ''))
  }
}

const isAlphanumeric = (text: string): boolean => /^[a-zA-Z0-9]/.test(text)

/** Words of the best path as they are, runs of single letters and digits joined. */
function pushDictionaryWords(block: string, dictionary: Dictionary, words: string[]): void {
  const ends = bestPath(block, dictionary)
  let joined = ''
  for (let i = 0; i < block.length; i = ends[i]!) {
    const word = block.slice(i, ends[i])
    if (word.length === 1 && isAlphanumeric(word)) {
      joined += word
      continue
    }
    if (joined !== '') words.push(joined)
    joined = ''
    words.push(word)
  }
  if (joined !== '') words.push(joined)
}

function allWords(block: string, dictionary: Dictionary): string[] {
  const words: string[] = []
  let covered = 0 // first position not yet inside a reported word
  let letters: string | undefined
  for (let i = 0; i < block.length; i++) {
    const ends = wordEnds(block, i, dictionary)
    if (letters !== undefined && !isAlphanumeric(block[i]!)) {
      words.push(letters)
      letters = undefined
    }
    if (ends.length === 1 && i >= covered) {
      const word = block.slice(i, ends[0])
      if (isAlphanumeric(word)) letters = (letters ?? '') + word
      if (letters === undefined) words.push(word)
      covered = ends[0]!
    } else
      for (const end of ends) {
        if (end <= i + 1) continue
        words.push(block.slice(i, end))
        covered = end
      }
  }
  if (letters !== undefined) words.push(letters)
  return words
}

/** Dictionary words of two, then of three characters within a longer word. */
function partsOf(word: string, dictionary: Dictionary): string[] {
  const characters = [...word]
  const parts: string[] = []
  for (const size of [2, 3]) {
    if (characters.length <= size) continue
    for (let i = 0; i + size <= characters.length; i++) {
      const part = characters.slice(i, i + size).join('')
      if (dictionary.frequencyOf(part) > 0) parts.push(part)
    }
  }
  return parts
}
