import {
  arange,
  argMax,
  cast,
  type Dim,
  equal,
  exp,
  logSoftmax,
  mean,
  mul,
  neg,
  ShapeError,
  sameShape,
  shapeText,
  squeeze,
  stopGradient,
  sub,
  sum,
  type Tensor,
  takeAlongAxis,
  unsqueeze,
  zeros,
} from '@qilin-med/tensor'
import type { TokenScores } from '../types'

/** Options of `logitTokenScores`. */
export interface LogitTokenScoresOptions {
  /** [N] int32, which sequence each token belongs to (default: all to one). */
  readonly sequences?: Tensor
  /** [N] int32, index of each token inside its completion (default: 0, 1, …). */
  readonly offsets?: Tensor
  /** Number of sequences, S (default 1). */
  readonly sequenceCount?: Dim
}

/**
 * Scores of N labelled tokens from their logits, for models that only hand out logits. Everything is differentiable but
 * `correct` and `sumSquaredProbs`. Where hidden states are at hand, `linearTokenScores` gives the same and needs far less
 * memory.
 *
 * @param logits  [N, V]
 * @param targets [N] int32, in [0, V)
 * @throws ShapeError while tracing, when operands do not fit
 */
export const logitTokenScores = (
  logits: Tensor,
  targets: Tensor,
  options: LogitTokenScoresOptions = {},
): TokenScores => {
  if (logits.shape.length !== 2 || !sameShape(targets.shape, logits.shape.slice(0, 1)))
    throw new ShapeError(
      `logitTokenScores: expected logits [N, V] and targets [N], got ${shapeText(logits.shape)} and ${shapeText(targets.shape)}. Gather the labelled positions first.`,
      { op: 'logitTokenScores', shapes: [shapeText(logits.shape), shapeText(targets.shape)] },
    )
  const rows = logits.shape[0]!
  const wide = cast(logits, 'float32')
  const all = logSoftmax(wide)
  const pick = (x: Tensor): Tensor => squeeze(takeAlongAxis(x, unsqueeze(targets, -1)), -1)
  const logProbs = pick(all)
  return {
    logProbs,
    sequences: options.sequences ?? zeros([rows], 'int32'),
    offsets: options.offsets ?? cast(arange(rows), 'int32'),
    sequenceCount: options.sequenceCount ?? 1,
    entropy: () => neg(sum(mul(exp(all), all), { axes: -1 })),
    correct: () => stopGradient(cast(equal(argMax(wide), cast(targets, 'int64')), 'float32')),
    sumSquaredProbs: () => stopGradient(sum(exp(mul(all, 2)), { axes: -1 })),
    meanLogit: () => mean(wide, { axes: -1 }),
    logSumExp: () => sub(pick(wide), logProbs),
  }
}
