import { type Dim, divideDims, ones, shapeText, slice, stopGradient, sub, type Tensor } from '@qilin-med/tensor'
import { LossError, MissingReferenceError } from './errors'
import { sumBySequence } from './reductions'
import type { Completion, LossResult, Pair, PreferenceLoss, PreferencePairs, TokenScores } from './types'

/** What `preferencePairs` makes pairs from. */
export interface PreferencePairsOptions {
  /** Scores of the model that is trained; sequences 0..P−1 are the chosen completions, P..2P−1 the rejected ones. */
  readonly policy: TokenScores
  /** Scores of the same tokens under the reference model, or a function that makes them when they are asked for. */
  readonly reference?: TokenScores | (() => TokenScores)
}

/**
 * Pairs of completions from the scores of their tokens.
 *
 * @throws LossError when the number of sequences is not even
 */
export const preferencePairs = ({ policy, reference }: PreferencePairsOptions): PreferencePairs => {
  const scored = typeof reference === 'function' ? reference : () => reference
  let made: Pair | undefined
  const known = (): Pair => {
    const scores = made ? undefined : scored()
    if (!made && !scores) throw new MissingReferenceError()
    made ??= pairOf(frozen(scores!))
    return made
  }
  return {
    policy: pairOf(policy),
    reference: {
      get chosen() {
        return known().chosen
      },
      get rejected() {
        return known().rejected
      },
    },
  }
}

/** Both sides of the pairs in `scores`. */
const pairOf = (scores: TokenScores): Pair => {
  const pairs = divideDims(scores.sequenceCount, 2)
  if (pairs === undefined)
    throw new LossError(
      'shape',
      `preferencePairs: expected an even number of sequences, got ${scores.sequenceCount}. Put P chosen completions before P rejected ones and pass multiplyDims(P, 2).`,
      { loss: 'preferencePairs', operand: 'sequenceCount' },
    )
  return { chosen: sideOf(scores, 0, pairs), rejected: sideOf(scores, pairs, scores.sequenceCount) }
}

const sideOf = (scores: TokenScores, begin: Dim, end: Dim): Completion => {
  const total = (values: Tensor) => slice(sumBySequence(values, scores.sequences, scores.sequenceCount), 0, begin, end)
  return {
    logProb: total(scores.logProbs),
    length: total(ones(scores.logProbs.shape)),
    tokens: { scores, sum: total },
  }
}

/** The same scores, through which no gradient flows. */
const frozen = (scores: TokenScores): TokenScores => ({ ...scores, logProbs: stopGradient(scores.logProbs) })

/** log π(y|x) − log ρ(y|x) of each completion, [P]: how much likelier the trained model finds it than the reference. */
export const logRatio = (policy: Completion, reference: Completion): Tensor => sub(policy.logProb, reference.logProb)

/** `loss`, marked as a function of pairs. */
export const preferenceLoss = (loss: (pairs: PreferencePairs) => LossResult): PreferenceLoss =>
  Object.assign((pairs: PreferencePairs) => loss(pairs), { kind: 'preference' as const })

/** The token-level view of a completion. @throws LossError where only sums were kept */
export const tokensOf = (loss: string, completion: Completion): NonNullable<Completion['tokens']> => {
  if (completion.tokens) return completion.tokens
  throw new LossError(
    'missing-tokens',
    `${loss}: expected completions with single tokens, got sums ${shapeText(completion.logProb.shape)}. Make the pairs with preferencePairs.`,
    { loss, operand: 'tokens' },
  )
}
