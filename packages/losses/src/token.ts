import { type Dim, ones, type Tensor } from '@qilin-med/tensor'
import { sumBySequence } from './reductions'
import type { TokenLoss, TokenScores, TokenStatistic } from './types'

/** `loss` marked as a loss on tokens that asks for `statistics`. */
export const tokenLoss = (loss: TokenLoss, statistics: readonly TokenStatistic[] = []): TokenLoss =>
  Object.assign((scores: TokenScores) => loss(scores), { kind: 'token' as const, statistics })

/** Number of labelled tokens, N. */
export const tokenDim = (scores: TokenScores): Dim => scores.logProbs.shape[0]!

/** Number of tokens of each sequence, [S]. */
export const lengths = (scores: TokenScores): Tensor =>
  sumBySequence(ones([tokenDim(scores)]), scores.sequences, scores.sequenceCount)
