import { dimension, f32, i32, input, multiplyDims, type Tensor } from '@qilin-med/tensor'
import { preferencePairs } from './preference'
import type { PreferenceLoss, TokenScores } from './types'

/**
 * True when `loss` reads the reference model's log-probabilities. It is found out by tracing the loss once, so it holds
 * for functions written by hand too.
 */
export const needsReference = (loss: PreferenceLoss): boolean => {
  let asked = false
  const policy = placeholder()
  const reference = () => {
    asked = true
    return placeholder()
  }
  loss(preferencePairs({ policy, reference, prompts: true }))
  return asked
}

/** Scores that nobody computes. */
const placeholder = (): TokenScores => {
  const values = (name: string): Tensor => input(name, f32('N'))
  const indices = (name: string): Tensor => input(name, i32('N'))
  return {
    logProbs: values('logProbs'),
    sequences: indices('sequences'),
    offsets: indices('offsets'),
    sequenceCount: multiplyDims(dimension('P'), 3),
    entropy: () => values('entropy'),
    correct: () => values('correct'),
    sumSquaredProbs: () => values('sumSquaredProbs'),
    meanLogit: () => values('meanLogit'),
    logSumExp: () => values('logSumExp'),
  }
}
