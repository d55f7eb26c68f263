import {
  cast,
  constant,
  div,
  maximum,
  mean,
  minimum,
  mul,
  neg,
  reshape,
  sigmoid,
  stopGradient,
  sub,
  type Tensor,
  where,
} from '@qilin-med/tensor'
import { LossError, requireOption } from './errors'
import { completionsOf, logRatio, referenceOf } from './preference'
import { meanMetric, perPair, ratioMetric } from './reductions'
import type { Completion, LossResult, Metric, TokenScores, UnpairedCompletions, UnpairedLoss } from './types'

/** Options of `kto`. */
export interface KtoOptions {
  /** `kto` compares with an estimate of the divergence (default), `apo_zero_unpaired` with nothing. */
  readonly type?: KtoType
  /** Scale of the implicit reward; above 0, default 0.1. */
  readonly beta?: number
  /** Weight of the good completions; default 1. */
  readonly desirableWeight?: number
  /** Weight of the bad completions; default 1. */
  readonly undesirableWeight?: number
}

/** Objectives of `kto`. */
export type KtoType = (typeof ktoTypes)[number]

const ktoTypes = ['kto', 'apo_zero_unpaired'] as const

/**
 * Kahneman–Tversky optimisation: 1 − σ(β(r − z)) for good completions and 1 − σ(β(z − r)) for bad ones, r = log π/ρ and
 * z the mean of r over mismatched completions, not below 0 and without gradient. Logs `kl`, `rewards/*`, `logps/*`,
 * `logits/*` and `entropy`; a metric of an absent kind has weight 0.
 *
 * @throws LossError for options outside their range, and for `kto` without mismatched completions
 * @see TRL 1.16 `trl/trainer/kto_trainer.py`
 * @see Ethayarajh et al. 2024, eq. 7, https://arxiv.org/abs/2402.01306
 * @see D'Oosterlinck et al. 2024, eq. 7 without pairs, https://arxiv.org/abs/2408.06266
 */
export const kto = (options: KtoOptions = {}): UnpairedLoss => {
  const { type = 'kto', beta = 0.1, desirableWeight = 1, undesirableWeight = 1 } = options
  check(options)
  const loss = (completions: UnpairedCompletions): LossResult => {
    const { policy, reference, desirable } = completions
    const ratio = logRatio(policy, reference)
    const divergence = type === 'kto' ? divergenceOf(completions) : undefined
    const gain = mul(divergence ? sub(ratio, divergence) : ratio, beta)
    const losses = sigmoid(where(desirable, neg(gain), gain)) // 1 − σ(x) = σ(−x)
    const weighted = mul(losses, where(desirable, desirableWeight, undesirableWeight))
    const kl: Metric = meanMetric(reshape(divergence ?? constant(0), [1]))
    return perPair(weighted, { kl, ...ktoMetrics(policy, desirable, mul(ratio, beta)) })
  }
  return Object.assign(loss, { kind: 'unpaired' as const })
}

/** What `unpairedCompletions` is made from. */
export interface UnpairedCompletionsOptions {
  /** Scores of the model that is trained, one sequence per completion. */
  readonly policy: TokenScores
  /** Scores of the same tokens under the reference model, or a function that makes them when they are asked for. */
  readonly reference?: TokenScores | (() => TokenScores)
  /** [S] bool, true for good completions. */
  readonly desirable: Tensor
  /** Scores of each prompt with another prompt's completion, under both models. */
  readonly mismatched?: { readonly policy: TokenScores; readonly reference: TokenScores }
}

/** Completions without partner from the scores of their tokens. */
export const unpairedCompletions = (options: UnpairedCompletionsOptions): UnpairedCompletions => {
  const { policy, reference, desirable, mismatched } = options
  const known = referenceOf(reference, (scores) => completionsOf(scores))
  return {
    policy: completionsOf(policy),
    reference: {
      get logProb() {
        return known().logProb
      },
      get length() {
        return known().length
      },
      get tokens() {
        return known().tokens!
      },
    },
    desirable,
    ...(mismatched && {
      mismatched: { policy: completionsOf(mismatched.policy), reference: completionsOf(mismatched.reference) },
    }),
  }
}

/** Estimate of KL(π‖ρ), a scalar without gradient. */
const divergenceOf = ({ mismatched }: UnpairedCompletions): Tensor => {
  if (!mismatched)
    throw new LossError(
      'missing-input',
      `kto: expected mismatched completions, got none. Pass 'mismatched', or use type 'apo_zero_unpaired'.`,
      { loss: 'kto', operand: 'mismatched' },
    )
  return maximum(mean(stopGradient(logRatio(mismatched.policy, mismatched.reference))), 0)
}

const ktoMetrics = (policy: Completion, desirable: Tensor, rewards: Tensor): Record<string, Metric> => {
  const good = cast(desirable, 'float32')
  const bad = sub(1, good)
  const over = (values: Tensor, mask: Tensor): Metric => ratioMetric(mul(values, mask), mask)
  const chosen = over(rewards, good)
  const rejected = over(rewards, bad)
  return {
    'rewards/chosen': chosen,
    'rewards/rejected': rejected,
    'rewards/margins': difference(chosen, rejected),
    'logps/chosen': over(policy.logProb, good),
    'logps/rejected': over(policy.logProb, bad),
    ...(policy.tokens && tokenMetrics(policy.tokens, policy.length, good, bad)),
  }
}

const tokenMetrics = (
  { scores, sum: total }: NonNullable<Completion['tokens']>,
  length: Tensor,
  good: Tensor,
  bad: Tensor,
): Record<string, Metric> => {
  const logits = total(scores.meanLogit())
  return {
    'logits/chosen': ratioMetric(mul(logits, good), mul(length, good)),
    'logits/rejected': ratioMetric(mul(logits, bad), mul(length, bad)),
    entropy: meanMetric(scores.entropy()),
  }
}

/** Difference of two means; its weight is 0 where one of them is over nothing. */
const difference = (a: Metric, b: Metric): Metric => {
  const both = minimum(minimum(a.weight, b.weight), 1)
  const meanOf = ({ sum: total, weight }: Metric): Tensor => div(total, maximum(weight, 1))
  return { sum: mul(sub(meanOf(a), meanOf(b)), both), weight: both }
}

const check = ({ type = 'kto', beta = 0.1, desirableWeight = 1, undesirableWeight = 1 }: KtoOptions): void => {
  const require = (holds: boolean, operand: string, got: unknown, expected: string, advice: string) =>
    requireOption(holds, { loss: 'kto', operand, got, expected, advice })
  require(ktoTypes.includes(type), 'type', type, `one of ${ktoTypes.join(', ')}`, 'Check the name.')
  require(beta > 0, 'beta', beta, 'beta above 0', 'Common values lie between 0.01 and 0.5.')
  const [good, bad] = [desirableWeight, undesirableWeight]
  require(good >= 0, 'desirableWeight', good, 'desirableWeight of 0 or more', 'Use 1 for none.')
  require(bad >= 0, 'undesirableWeight', bad, 'undesirableWeight of 0 or more', 'Use 1 for none.')
}
