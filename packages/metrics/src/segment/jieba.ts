import { MetricsError } from '../errors'
import { dictionaryLines, readDictionary } from './dictionary'
import { type Segmenter, segmenter } from './segmenter'

/** Options of `loadJieba`. */
export interface JiebaOptions {
  /** Words to recognise besides the dictionary's, with their frequencies; a high one (20000) makes a word hold together. */
  readonly words?: Iterable<readonly [word: string, frequency: number]>
}

/**
 * Chinese words exactly as Python's jieba 0.42.1 cuts them. Dictionary and hidden Markov model come from `@node-rs/jieba`;
 * block splitting and the search for the best path are done here, since the package differs from jieba in dashes, rare
 * ideographs and the full mode.
 *
 * @throws MetricsError `dependency` when `@node-rs/jieba` cannot be loaded
 */
export async function loadJieba({ words = [] }: JiebaOptions = {}): Promise<Segmenter> {
  const { Jieba, dict } = await importJieba()
  // Without a dictionary every character is unknown, and what remains of `cut` is the hidden Markov model.
  const model = new Jieba()
  const dictionary = readDictionary(entries(new TextDecoder().decode(dict), words))
  return segmenter('jieba', dictionary, (run) => model.cut(run, true))
}

async function importJieba(): Promise<{
  Jieba: new () => { cut(text: string, hmm: boolean): string[] }
  dict: Uint8Array
}> {
  try {
    const [{ Jieba }, { dict }] = await Promise.all([import('@node-rs/jieba'), import('@node-rs/jieba/dict.js')])
    return { Jieba, dict }
  } catch (cause) {
    throw new MetricsError(
      'dependency',
      `loadJieba: expected the package @node-rs/jieba, got ${String(cause)}. Install it, or use characters instead of words.`,
      { operation: 'loadJieba', cause },
    )
  }
}

function* entries(text: string, words: Iterable<readonly [string, number]>): Generator<readonly [string, number]> {
  // jieba's own file has this line twice, which counts in the total of frequencies.
  yield ['B超', 3]
  yield* dictionaryLines(text)
  yield* words
}
