import {
  type LossResult,
  linearTokenScores,
  needsReference,
  type PreferenceLoss,
  preferencePairs,
  type TokenLoss,
  type TokenScores,
} from '@qilin-med/losses'
import { f32, gather, i32, multiplyDims, reshape, type Tensor, type TensorType } from '@qilin-med/tensor'
import type { StepArrays } from '../data/collate'
import { TrainError } from '../errors'
import type { TrainableModel } from '../model'

/** What is trained for: a function of token scores, or of pairs of completions. */
export type Loss = TokenLoss | PreferenceLoss

/** Arrays of a micro-batch by name, traced. */
export type StepTensors = Readonly<Record<keyof StepArrays, Tensor>> & { readonly reference?: Tensor }

/** A loss together with the kind of rows it is given. */
export interface Objective {
  readonly kind: 'token' | 'preference'
  /** True where the loss reads the log-probabilities of a reference model. */
  readonly needsReference: boolean
  /** Types of the arrays that a program takes, by name. */
  readonly types: Readonly<Record<string, TensorType>>
  /** The loss of a micro-batch under `network`. */
  evaluate<Network>(model: TrainableModel<Network>, network: Network, batch: StepTensors): LossResult
}

/**
 * The objective of `loss` on rows of `kind`.
 *
 * @throws TrainError `option` when the loss is made for the other kind of rows
 */
export const objectiveOf = (loss: Loss, kind: 'token' | 'preference'): Objective => {
  if (loss.kind !== undefined && loss.kind !== kind)
    throw new TrainError(
      'option',
      `train: ${kind} rows need a ${kind} loss, got a ${loss.kind} loss. Pass rows with ${rowFields[loss.kind]}, or another loss.`,
      { option: 'loss' },
    )
  const withReference = kind === 'preference' && needsReference(loss as PreferenceLoss)
  return {
    kind,
    needsReference: withReference,
    types: { ...stepTypes(kind), ...(withReference && { reference: f32('N') }) },
    evaluate: (model, network, batch) => {
      const scores = scoresOf(model, network, batch, kind)
      if (kind === 'token') return (loss as TokenLoss)(scores)
      const { reference } = batch
      return (loss as PreferenceLoss)(
        preferencePairs({ policy: scores, ...(reference && { reference: givenScores(reference, scores) }) }),
      )
    },
  }
}

const rowFields = { token: 'inputIds and labels', preference: 'promptIds, chosenIds and rejectedIds' }

/** Types of the arrays that `collate` makes. */
export const stepTypes = (kind: 'token' | 'preference'): Readonly<Record<string, TensorType>> => ({
  ids: i32('B', 'T'),
  positions: i32('B', 'T'),
  segments: i32('B', 'T'),
  ...(kind === 'preference' && { parents: i32('B', 'T') }),
  sources: i32('N'),
  targets: i32('N'),
  sequences: i32('N'),
  offsets: i32('N'),
  origins: i32(kind === 'preference' ? 'P' : 'S'),
})

/** Scores of the labelled tokens: hidden states are gathered first, so logits exist only where a label counts. */
export const scoresOf = <Network>(
  model: TrainableModel<Network>,
  network: Network,
  batch: StepTensors,
  kind: 'token' | 'preference',
): TokenScores => {
  const hidden = model.hiddenStates(network, batch)
  const rows = gather(reshape(hidden, [-1, hidden.shape[2]!]), batch.sources) // [N, D]
  return linearTokenScores(rows, model.outputHead(network), batch.targets, {
    sequences: batch.sequences,
    offsets: batch.offsets,
    sequenceCount: sequenceCount(batch, kind),
  })
}

const sequenceCount = ({ origins }: StepTensors, kind: 'token' | 'preference') =>
  kind === 'preference' ? multiplyDims(origins.shape[0]!, 2) : origins.shape[0]!

const unknown = (statistic: string) => (): Tensor => {
  throw new TrainError(
    'no-reference',
    `train: the loss may read only log-probabilities of the reference model, got a call of ${statistic}. Compute it from the policy.`,
    { option: 'loss' },
  )
}

/** Scores of which only the log-probabilities are known: those of the reference model. */
const givenScores = (
  logProbs: Tensor,
  { sequences, offsets, sequenceCount }: Pick<TokenScores, 'sequences' | 'offsets' | 'sequenceCount'>,
): TokenScores => ({
  logProbs,
  sequences,
  offsets,
  sequenceCount,
  entropy: unknown('entropy'),
  correct: unknown('correct'),
  sumSquaredProbs: unknown('sumSquaredProbs'),
  meanLogit: unknown('meanLogit'),
  logSumExp: unknown('logSumExp'),
})
