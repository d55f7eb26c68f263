import { splitWhitespace } from './whitespace'

/**
 * Words of a line after the punctuation rules of mteval-v13a, which the tokenizers `13a` and `zh` share: every ASCII symbol
 * stands alone, a full stop or comma too unless it lies between digits, and so does a dash after a digit.
 *
 * The four steps run one after the other over the whole line, as in sacrebleu: each consumes what it matched, so runs
 * such as `a.,5` come out as there.
 */
export function splitPunctuation(line: string): string[] {
  return splitWhitespace(
    line
      .replace(/[{-~[-` -&(-+:-@/]/g, ' $& ')
      .replace(/([^0-9])([.,])/g, '$1 $2 ')
      .replace(/([.,])([^0-9])/g, ' $1 $2')
      .replace(/([0-9])-/g, '$1 - '),
  )
}
