import type { TextTokenizer } from './tokenizer'

/** Options of `bigrams`. */
export interface BigramOptions {
  /** Also index every single character, so that one-character queries (药) find something; about doubles the index. */
  readonly unigrams?: boolean
}

/**
 * A tokenizer for Chinese mixed with Latin words and numbers, without a dictionary: runs of Chinese, Japanese or Korean
 * characters give overlapping pairs (高血压 → 高血, 血压; a run of one gives itself), everything else whole words in
 * lower case and numbers (HbA1c → hba1c, 5mg → 5, mg; 5.6 → 5.6). Full-width forms are folded (NFKC); punctuation and white space separate.
 */
export const bigrams = ({ unigrams = false }: BigramOptions = {}): TextTokenizer => ({
  name: unigrams ? 'bigrams+unigrams' : 'bigrams',
  tokenize(text) {
    const terms: string[] = []
    for (const [run] of fold(text).matchAll(runs))
      if (isIdeographic.test(run)) pushPairs(terms, run, unigrams)
      else terms.push(run)
    return terms
  },
})

/** The text with compatibility forms folded and in lower case, as the built-in tokenizers see it. */
export const fold = (text: string): string => text.normalize('NFKC').toLowerCase()

/** Chinese, Japanese and Korean characters, the Japanese mark of length (U+30FC) among them. */
const ideographic = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u30fc`
const isIdeographic = new RegExp(`^[${ideographic}]`, 'u')
/** Runs of ideographic characters; words, which begin with a letter; numbers, with a point or comma only between digits. */
const runs = new RegExp(
  String.raw`[${ideographic}]+|(?![${ideographic}])\p{L}(?:(?![${ideographic}])[\p{L}\p{M}\p{N}])*|\p{N}+(?:[.,]\p{N}+)*`,
  'gu',
)

function pushPairs(terms: string[], run: string, unigrams: boolean): void {
  const { length } = run
  if (hasSurrogate.test(run)) pushWidePairs(terms, Array.from(run), unigrams)
  else if (length === 1) terms.push(run)
  else {
    for (let i = 0; i + 2 <= length; i++) terms.push(run.slice(i, i + 2))
    if (unigrams) terms.push(...run)
  }
}

/** The same for characters beyond U+FFFF, which take two UTF-16 units. */
function pushWidePairs(terms: string[], run: readonly string[], unigrams: boolean): void {
  if (run.length === 1) terms.push(run[0]!)
  else {
    for (let i = 0; i + 2 <= run.length; i++) terms.push(run[i]! + run[i + 1]!)
    if (unigrams) terms.push(...run)
  }
}

const hasSurrogate = /[\ud800-\udfff]/
