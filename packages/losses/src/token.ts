import { type Dim, ones, type Tensor } from '@qilin-med/tensor'
import { sumBySequence } from './reductions'
import type { LossResult, TokenLoss, TokenScores } from './types'

/** `loss`, marked as a function of tokens. */
export const tokenLoss = (loss: (scores: TokenScores) => LossResult): TokenLoss =>
  Object.assign((scores: TokenScores) => loss(scores), { kind: 'token' as const })

/** Number of labelled tokens, N. */
export const tokenDim = (scores: TokenScores): Dim => scores.logProbs.shape[0]!

/** Number of tokens of each sequence, [S]. */
export const lengths = (scores: TokenScores): Tensor =>
  sumBySequence(ones([tokenDim(scores)]), scores.sequences, scores.sequenceCount)
