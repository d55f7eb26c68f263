import type { TokenScores } from '@qilin-med/losses'
import { gather, reshape, type Tensor } from '@qilin-med/tensor'
import type { Numbers } from './golden'

/** Labelled tokens of a batch of rows, as lists. */
export interface Labelled {
  /** Where each token's value lies in the flattened [rows, T] array. */
  readonly places: readonly number[]
  /** Row, as the number of its sequence. */
  readonly sequences: readonly number[]
  /** Index inside its completion. */
  readonly offsets: readonly number[]
}

/** The tokens where `mask` [rows, T] is not 0. */
export const labelled = ({ shape: [rows, width], data }: Numbers): Labelled => {
  const places: number[] = []
  const sequences: number[] = []
  const offsets: number[] = []
  for (let row = 0; row < rows!; row++)
    for (let column = 0, offset = 0; column < width!; column++)
      if (data[row * width! + column]) {
        places.push(row * width! + column)
        sequences.push(row)
        offsets.push(offset++)
      }
  return { places, sequences, offsets }
}

/** A mask over tokens from one over positions: position t predicts token t+1. */
export const shifted = ({ shape: [rows, width], data }: Numbers): Numbers => ({
  shape: [rows!, width! - 1],
  data: Float32Array.from(data).filter((_, i) => i % width! > 0),
})

/** Values of single tokens, [rows, T], by what they mean. */
export interface TokenArrays {
  readonly logProbs: Tensor
  readonly entropy?: Tensor
  readonly correct?: Tensor
  readonly meanLogit?: Tensor
  readonly sumSquaredProbs?: Tensor
}

/** Scores that were computed elsewhere. */
export const givenScores = (
  arrays: TokenArrays,
  { places, sequences, offsets }: Readonly<Record<'places' | 'sequences' | 'offsets', Tensor>>,
  sequenceCount: number,
): TokenScores => {
  const pick = (array: Tensor | undefined, name: string) => (): Tensor => {
    if (!array) throw new Error(`the golden case has no ${name}`)
    return gather(reshape(array, [-1]), places)
  }
  return {
    logProbs: pick(arrays.logProbs, 'log-probabilities')(),
    sequences,
    offsets,
    sequenceCount,
    entropy: pick(arrays.entropy, 'entropy'),
    correct: pick(arrays.correct, 'is_top1'),
    sumSquaredProbs: pick(arrays.sumSquaredProbs, 'log_sum_sq_probs'),
    meanLogit: pick(arrays.meanLogit, 'mean_logits'),
    logSumExp: pick(undefined, 'log_sum_exp'),
  }
}
