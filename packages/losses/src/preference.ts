import { divideDims, multiplyDims, ones, shapeText, slice, stopGradient, sub, type Tensor } from '@qilin-med/tensor'
import { LossError, MissingReferenceError } from './errors'
import { sumBySequence } from './reductions'
import type { Completion, LossResult, Pair, PreferenceLoss, PreferencePairs, TokenScores } from './types'

/** What `preferencePairs` makes pairs from. */
export interface PreferencePairsOptions {
  /** Scores of the model that is trained; sequences 0..P−1 are the chosen completions, P..2P−1 the rejected ones. */
  readonly policy: TokenScores
  /** Scores of the same tokens under the reference model, or a function that makes them when they are asked for. */
  readonly reference?: TokenScores | (() => TokenScores)
  /** True where sequences 2P..3P−1 are the prompts of the pairs, so that a loss may learn them too; default false. */
  readonly prompts?: boolean
}

/**
 * Pairs of completions from the scores of their tokens.
 *
 * @throws LossError when the number of sequences cannot be divided into pairs
 */
export const preferencePairs = ({ policy, reference, prompts = false }: PreferencePairsOptions): PreferencePairs => {
  const groups = prompts ? 3 : 2
  const known = referenceOf(reference, (scores) => pairOf(scores, groups))
  return {
    policy: pairOf(policy, groups),
    reference: {
      get chosen() {
        return known().chosen
      },
      get rejected() {
        return known().rejected
      },
    },
    ...(prompts && { prompts: completionsOf(policy, 2, groups) }),
  }
}

/** A view of the reference scores that is made, once, when somebody reads it. */
export const referenceOf = <T>(
  reference: TokenScores | (() => TokenScores) | undefined,
  view: (scores: TokenScores) => T,
): (() => T) => {
  let made: { readonly view: T } | undefined
  return () => {
    const scores = typeof reference === 'function' && !made ? reference() : (reference as TokenScores | undefined)
    if (!made && !scores) throw new MissingReferenceError()
    made ??= { view: view(frozen(scores!)) }
    return made.view
  }
}

const pairOf = (scores: TokenScores, groups: number): Pair => ({
  chosen: completionsOf(scores, 0, groups),
  rejected: completionsOf(scores, 1, groups),
})

/** One of several groups of equal size that follow each other in `scores`. */
export const completionsOf = (scores: TokenScores, group = 0, groups = 1): Completion => {
  const size = divideDims(scores.sequenceCount, groups)
  if (size === undefined)
    throw new LossError(
      'shape',
      `preferencePairs: expected ${groups} groups of P sequences, got ${scores.sequenceCount}. Put the chosen completions before the rejected ones and pass multiplyDims(P, ${groups}) as sequenceCount.`,
      { loss: 'preferencePairs', operand: 'sequenceCount' },
    )
  const [begin, end] = [multiplyDims(size, group), multiplyDims(size, group + 1)]
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
