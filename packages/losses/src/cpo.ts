import { add, broadcastTo, div, exp, maximum, mul, neg, relu, square, sub, sum, type Tensor } from '@qilin-med/tensor'
import { smoothedLogistic } from './dpo-types'
import { requireOption } from './errors'
import { preferenceLoss } from './preference'
import { preferenceMetrics } from './preference-metrics'
import { meanMetric, perPair } from './reductions'
import type { Completion, PreferenceLoss } from './types'

/** Objectives of `cpo`. */
export type CpoType = (typeof cpoTypes)[number]

const cpoTypes = ['sigmoid', 'hinge', 'ipo', 'simpo'] as const

/** Options of `cpo`. */
export interface CpoOptions {
  /** Default `sigmoid`. `simpo` and `ipo` look at log-probabilities per token, the others at sums. */
  readonly type?: CpoType
  /** Scale of the implicit reward; above 0, default 0.1. */
  readonly beta?: number
  /** Probability that a preference is the wrong way round, for `sigmoid` and `simpo`; default 0. */
  readonly labelSmoothing?: number
  /** Weight of the chosen completions' mean cross-entropy (TRL's `cpo_alpha`); default 1. */
  readonly nllWeight?: number
  /** Margin by which the chosen reward must win, for `simpo`; default 0.5. */
  readonly gamma?: number
  /** Shape of AlphaPO's reward (1 − p^−α)/α; default 0, which is log p. */
  readonly alpha?: number
}

/**
 * Contrastive preference optimisation, without a reference model. Logs `rewards/*`, `logps/*`, `logits/*`, `nll_loss`.
 * Differs from TRL in `logits/*`, which are means over completion tokens as in `dpo`, not over padding and prompt.
 *
 * @throws LossError for options outside their range
 * @see TRL 1.16 `trl/experimental/cpo/cpo_trainer.py`
 * @see Xu et al. 2024 (CPO), https://arxiv.org/abs/2401.08417
 * @see Meng et al. 2024, eq. 6 (SimPO), https://arxiv.org/abs/2405.14734
 * @see Gupta et al. 2025 (AlphaPO), https://arxiv.org/abs/2501.03884
 */
export const cpo = (options: CpoOptions = {}): PreferenceLoss => {
  const { type = 'sigmoid', beta = 0.1, nllWeight = 1, alpha = 0 } = options
  check(options)
  return preferenceLoss(({ policy }) => {
    const score = (completion: Completion): Tensor => (perToken(type) ? meanLogProb(completion) : completion.logProb)
    const reward = (completion: Completion): Tensor => curved(score(completion), alpha)
    const [chosen, rejected] = [reward(policy.chosen), reward(policy.rejected)]
    const losses = formulas[type](sub(chosen, rejected), options)
    const nll = nllWeight === 0 ? undefined : meanNll([policy.chosen])
    const metrics = preferenceMetrics({
      policy,
      rewards: { chosen: mul(chosen, beta), rejected: mul(rejected, beta) },
      logProbs: { chosen: score(policy.chosen), rejected: score(policy.rejected) },
    })
    return perPair(nll ? add(losses, mul(nll, nllWeight)) : losses, {
      ...metrics,
      ...(nll && { nll_loss: meanMetric(broadcastTo(nll, [1])) }),
    })
  })
}

/**
 * SimPO: −log σ(β·(mean log p of the chosen − of the rejected) − γ), no reference model and no cross-entropy.
 *
 * @see Meng et al. 2024, eq. 6, https://arxiv.org/abs/2405.14734 (β between 2 and 10, γ/β near 0.5; TRL's defaults are 0.1 and 0.5)
 */
export const simpo = (options: Omit<CpoOptions, 'type'> = {}): PreferenceLoss =>
  cpo({ nllWeight: 0, ...options, type: 'simpo' })

/** Mean log-probability of a completion's tokens, [P]; 0 for an empty one. */
export const meanLogProb = ({ logProb, length }: Completion): Tensor => div(logProb, maximum(length, 1))

/** Mean cross-entropy over all tokens of several groups of completions, a scalar. */
export const meanNll = (groups: readonly Completion[]): Tensor => {
  const total = (part: (group: Completion) => Tensor) => groups.map((group) => sum(part(group))).reduce(add)
  return neg(
    div(
      total(({ logProb }) => logProb),
      maximum(
        total(({ length }) => length),
        1,
      ),
    ),
  )
}

const perToken = (type: CpoType): boolean => type === 'ipo' || type === 'simpo'

/** (1 − p^−α)/α from log p; log p itself where α is 0. */
const curved = (logProb: Tensor, alpha: number): Tensor =>
  alpha === 0 ? logProb : mul(sub(1, exp(mul(logProb, -alpha))), 1 / alpha)

/** Loss of each pair from the difference of its rewards. */
const formulas: Readonly<Record<CpoType, (difference: Tensor, options: CpoOptions) => Tensor>> = {
  sigmoid: (difference, { beta = 0.1, labelSmoothing = 0 }) => smoothedLogistic(mul(difference, beta), labelSmoothing),
  hinge: (difference, { beta = 0.1 }) => relu(sub(1, mul(difference, beta))),
  ipo: (difference, { beta = 0.1 }) => square(sub(difference, 1 / (2 * beta))),
  simpo: (difference, { beta = 0.1, gamma = 0.5, labelSmoothing = 0 }) =>
    smoothedLogistic(sub(mul(difference, beta), gamma), labelSmoothing),
}

const check = ({ type = 'sigmoid', beta = 0.1, labelSmoothing = 0, nllWeight = 1 }: CpoOptions): void => {
  const require = (holds: boolean, operand: string, got: unknown, expected: string, advice: string) =>
    requireOption(holds, { loss: 'cpo', operand, got, expected, advice })
  require(cpoTypes.includes(type), 'type', type, `one of ${cpoTypes.join(', ')}`, 'Check the name.')
  require(beta > 0, 'beta', beta, 'beta above 0', 'Common values lie between 0.1 and 10.')
  require(nllWeight >= 0, 'nllWeight', nllWeight, 'nllWeight of 0 or more', 'Use 0 for none.')
  const flips = labelSmoothing >= 0 && labelSmoothing < 0.5
  require(flips, 'labelSmoothing', labelSmoothing, 'labelSmoothing in [0, 0.5)', 'Use 0 for none.')
}
