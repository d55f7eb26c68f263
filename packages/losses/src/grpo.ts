import { add, constant, div, exp, maximum, mul, stopGradient, sub, sum, type Tensor } from '@qilin-med/tensor'
import { MissingReferenceError } from './errors'
import { entropyMask, offPolicyMask } from './grpo-masks'
import { ratioMetrics } from './grpo-metrics'
import { type GrpoOptions, type GrpoSettings, grpoSettings } from './grpo-options'
import { policyTerms, type Ratios, ratiosOf } from './grpo-ratio'
import { count, meanMetric } from './reductions'
import type { LossResult, Metric, RolloutLoss, Rollouts } from './types'

/**
 * Group relative policy optimisation and its relatives: a loss on sampled completions with given advantages. Logs
 * `entropy`, `kl` (with `beta`), how often ratios were clipped, and `policy_loss` where entropy is rewarded.
 *
 * @throws LossError for options outside their range, and for `beta` above 0 without reference log-probabilities
 * @see TRL 1.16 `trl/trainer/grpo_trainer.py`
 * @see Shao et al. 2024 (GRPO), https://arxiv.org/abs/2402.03300
 * @see Liu et al. 2025 (Dr. GRPO), https://arxiv.org/abs/2503.20783
 * @see Yu et al. 2025 (DAPO), https://arxiv.org/abs/2503.14476
 * @see Xiao et al. 2025 (BNPO), https://arxiv.org/abs/2506.02864
 * @see Zheng et al. 2025 (GSPO, `level: 'sequence'`), https://arxiv.org/abs/2507.18071
 * @see MiniMax 2025 (CISPO), https://arxiv.org/abs/2506.13585
 * @see Wang et al. 2025 (high-entropy tokens), https://arxiv.org/abs/2506.01939
 * @see DeepSeek-AI 2025 (unbiased KL, off-policy mask), https://arxiv.org/abs/2512.02556
 */
export const grpo = (options: GrpoOptions = {}): RolloutLoss => {
  const settings = grpoSettings(options)
  return Object.assign((rollouts: Rollouts) => evaluate(rollouts, settings), { kind: 'rollout' as const })
}

const evaluate = (rollouts: Rollouts, settings: GrpoSettings): LossResult => {
  const { policy } = rollouts
  const { topEntropyShare, entropyWeight, beta } = settings
  const ratios = ratiosOf(rollouts, settings)
  const mask = topEntropyShare < 1 ? entropyMask(policy.entropy(), settings) : undefined
  const terms = masked(policyTerms(ratios, settings), ratios, mask, settings)
  const divergence = beta > 0 ? divergenceOf(rollouts, ratios, settings) : undefined
  const losses = divergence ? add(terms, mul(divergence, beta)) : terms
  const result = aggregate(losses, ratios, settings)
  const metrics = {
    ...(divergence && { kl: meanMetric(divergence) }),
    entropy: meanMetric(policy.entropy()),
    ...ratioMetrics(ratios, settings),
  }
  if (entropyWeight === 0) return { ...result, metrics }
  const bonus = mul(mul(meanEntropy(policy.entropy(), mask), entropyWeight), result.weight)
  const before: Metric = { sum: stopGradient(result.sum), weight: result.weight }
  const weight = meanMetric(constant({ dtype: 'float32', shape: [1], data: Float32Array.of(entropyWeight) }))
  return {
    sum: sub(result.sum, bonus),
    weight: result.weight,
    metrics: { policy_loss: before, entropy_coef: weight, ...metrics },
  }
}

const masked = (terms: Tensor, ratios: Ratios, mask: Tensor | undefined, settings: GrpoSettings): Tensor => {
  const { logRatio, advantages, group } = ratios
  const { offPolicyThreshold: threshold } = settings
  const near = threshold === undefined ? undefined : offPolicyMask(logRatio, advantages, group, threshold)
  const learnt = near ? mul(terms, group.spread(near)) : terms
  return mask ? mul(learnt, mask) : learnt
}

/** [N] estimate of KL(π‖ρ) at each token: e^d − d − 1 with d = log ρ/π (Schulman's k3). */
const divergenceOf = ({ policy, reference }: Rollouts, { ratio, perToken }: Ratios, settings: GrpoSettings): Tensor => {
  if (!reference) throw new MissingReferenceError('grpo', 'or use beta 0')
  const distance = sub(stopGradient(reference), policy.logProbs)
  const estimate = sub(sub(exp(distance), distance), 1)
  return settings.unbiasedKl ? mul(estimate, perToken(ratio)) : estimate
}

/** How the losses of N tokens become one number. */
const aggregate = (losses: Tensor, { group }: Ratios, settings: GrpoSettings): Metric => {
  const completions = count(group.lengths.shape[0]!)
  switch (settings.type) {
    case 'grpo':
    case 'sapo':
      return { sum: sum(group.mean(losses)), weight: completions }
    case 'luspo':
      return { sum: sum(losses), weight: completions }
    case 'dr_grpo':
      return { sum: sum(losses), weight: mul(completions, settings.maxCompletionLength!) }
    case 'bnpo': // each micro-batch counts the same, however many tokens it has
      return { sum: div(sum(losses), maximum(count(losses.shape[0]!), 1)), weight: constant(1) }
    default:
      return { sum: sum(losses), weight: count(losses.shape[0]!) }
  }
}

/** Mean entropy of the tokens that are learnt from, a scalar. */
const meanEntropy = (entropy: Tensor, mask: Tensor | undefined): Tensor =>
  mask ? div(sum(mul(entropy, mask)), maximum(sum(mask), 1)) : div(sum(entropy), maximum(count(entropy.shape[0]!), 1))
