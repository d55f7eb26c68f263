import type { Jieba } from '@node-rs/jieba'
import { RagError } from '../errors'
import { fold } from './bigrams'
import type { TextTokenizer } from './tokenizer'

/** Options of `jieba`. */
export interface JiebaOptions {
  /** `search` also gives the shorter words inside long ones, `default` cuts once. */
  readonly mode?: 'search' | 'default'
  /** Guess words that the dictionary does not hold. */
  readonly hmm?: boolean
  /** More entries (`word frequency tag` a line), such as medical terms, beside jieba's own dictionary. */
  readonly dictionary?: string | Uint8Array | undefined
  /** Tells two dictionaries apart in the tokenizer's name; needed with `dictionary`. */
  readonly dictionaryName?: string | undefined
}

/**
 * A tokenizer that cuts Chinese into words with `@node-rs/jieba`, which is loaded on this call and not before. Terms are
 * folded like those of `bigrams`; punctuation and white space are left out.
 *
 * @throws RagError (`dependency`) when `@node-rs/jieba` cannot be loaded, (`option`) for a dictionary without a name
 */
export async function jieba({
  mode = 'search',
  hmm = true,
  dictionary,
  dictionaryName,
}: JiebaOptions = {}): Promise<TextTokenizer> {
  if (dictionary !== undefined && !dictionaryName)
    throw new RagError(
      'option',
      `jieba: expected a dictionaryName beside the dictionary, got none. Name it, so that a saved index is not opened with another one.`,
      { operation: 'jieba' },
    )
  const cutter = await load()
  if (dictionary !== undefined)
    cutter.loadDict(typeof dictionary === 'string' ? new TextEncoder().encode(dictionary) : dictionary)
  const cut = mode === 'search' ? cutter.cutForSearch.bind(cutter) : cutter.cut.bind(cutter)
  return {
    name: ['jieba', mode, ...(hmm ? [] : ['no-hmm']), ...(dictionaryName ? [dictionaryName] : [])].join('/'),
    tokenize: (text) => cut(fold(text), hmm).filter((word) => hasLetter.test(word)),
  }
}

/**
 * A function that cuts text into all its words, punctuation and white space included, with jieba's default mode.
 *
 * @throws RagError (`dependency`) when `@node-rs/jieba` cannot be loaded
 */
export async function jiebaWords(): Promise<(text: string) => string[]> {
  const cutter = await load()
  return (text) => cutter.cut(text, true)
}

const hasLetter = /[\p{L}\p{N}]/u

/** Names that bundlers do not follow: a program for browsers that cuts no words need not have the package. */
const names = { jieba: '@node-rs/jieba', dictionary: '@node-rs/jieba/dict.js' }

async function load(): Promise<Jieba> {
  try {
    const module: typeof import('@node-rs/jieba') = await import(names.jieba)
    const { dict }: typeof import('@node-rs/jieba/dict.js') = await import(names.dictionary)
    return module.Jieba.withDict(dict)
  } catch (cause) {
    throw new RagError(
      'dependency',
      `jieba: expected the package @node-rs/jieba, got ${(cause as Error).message}. Install it, or use bigrams(), which needs nothing.`,
      { operation: 'jieba', cause },
    )
  }
}
