import { div, gather, maximum, type Tensor } from '@qilin-med/tensor'
import { sumBySequence } from './reductions'
import { lengths } from './token'
import type { TokenScores } from './types'

/** Tokens grouped into their sequences. */
export interface Grouping {
  /** [S] number of tokens of each sequence. */
  readonly lengths: Tensor
  /** [N] → [S] */
  sum(values: Tensor): Tensor
  /** [N] → [S]; 0 for a sequence without tokens. */
  mean(values: Tensor): Tensor
  /** [S] → [N], each token its sequence's value. */
  spread(values: Tensor): Tensor
}

/** How the tokens of `scores` belong together. */
export const groupingOf = (scores: TokenScores): Grouping => {
  const { sequences, sequenceCount } = scores
  const length = lengths(scores)
  const total = (values: Tensor) => sumBySequence(values, sequences, sequenceCount)
  return {
    lengths: length,
    sum: total,
    mean: (values) => div(total(values), maximum(length, 1)),
    spread: (values) => gather(values, sequences),
  }
}
