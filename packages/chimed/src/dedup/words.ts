import { ChimedError } from '../errors'
import { mix32 } from './minhash-js'

/** Cuts a text into words. */
export type WordCutter = (text: string) => readonly string[]

/**
 * Items for `nearDuplicates`: hashes of all runs of `n` words (default 1); a text of fewer words is one run. Blank words do not count.
 *
 * @param cut  such as the result of `jiebaWords()`
 */
export function wordItems(cut: WordCutter, { n = 1 }: { readonly n?: number } = {}): (text: string) => Uint32Array {
  return (text) => {
    const words = cut(text).filter((word) => word.trim() !== '')
    if (words.length === 0) return new Uint32Array(0)
    const hashes = words.map(hashOf)
    const length = Math.min(n, words.length)
    return Uint32Array.from({ length: words.length - length + 1 }, (_, at) => {
      let hash = 0
      for (let i = at; i < at + length; i++) hash = (Math.imul(hash, 0x9e3779b1) + hashes[i]!) | 0
      return mix32(hash)
    })
  }
}

function hashOf(word: string): number {
  let hash = word.length
  for (let i = 0; i < word.length; i++) hash = (Math.imul(hash, 0x9e3779b1) + word.charCodeAt(i)) | 0
  return mix32(hash)
}

/**
 * A cutter by jieba's dictionary and hidden Markov model, in lower case.
 *
 * @throws ChimedError `dependency` when `@node-rs/jieba` cannot be loaded
 */
export async function jiebaWords(): Promise<WordCutter> {
  try {
    const [{ Jieba }, { dict }] = await Promise.all([import('@node-rs/jieba'), import('@node-rs/jieba/dict.js')])
    const jieba = Jieba.withDict(dict)
    return (text) => jieba.cut(text.toLowerCase(), true)
  } catch (cause) {
    throw new ChimedError(
      'dependency',
      `jiebaWords: expected the package @node-rs/jieba, got ${String(cause)}. Install it, or pass a cutter of your own.`,
      { cause },
    )
  }
}
