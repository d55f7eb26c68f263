import {
  add,
  cast,
  concat,
  div,
  exp,
  gather,
  less,
  log,
  logSigmoid,
  maximum,
  minimum,
  mul,
  stopGradient,
  sub,
  type Tensor,
  where,
} from '@qilin-med/tensor'
import { type DpoTerms, type DpoType, divergent, dpoFormulas } from './dpo-types'
import { requireOption } from './errors'
import { logRatio, preferenceLoss, tokensOf } from './preference'
import { preferenceMetrics } from './preference-metrics'
import { perPair } from './reductions'
import type { Completion, Pair, PreferenceLoss, PreferencePairs } from './types'

/** How far a score may move from the reference model: the divergence that the objective penalises. */
export type FDivergence = 'reverse_kl' | 'forward_kl' | 'js_divergence' | 'alpha_divergence'

/** Options of `dpo`. */
export interface DpoOptions {
  /** The objective, or several with their weights: `{ sigmoid: 0.8, bco_pair: 0.2, sft: 1 }`. Default `sigmoid`. */
  readonly type?: DpoType | Readonly<Partial<Record<DpoType, number>>>
  /** Strength of the pull towards the reference model (τ of IPO); above 0, default 0.1. */
  readonly beta?: number
  /** Probability that a preference is the wrong way round: cDPO for `sigmoid`, and for robust, exo_pair, aot, aot_unpaired. */
  readonly labelSmoothing?: number
  /** Default `reverse_kl`. */
  readonly fDivergence?: FDivergence
  /** Order of the α-divergence; 1 is reverse KL. Default 0.5. */
  readonly alpha?: number
  /** Temperature of the mixture inside `discopop`; default 0.05. */
  readonly discopopTau?: number
  /** Weigh each pair by how likely the trained model is to write it (WPO); the `sft` part stays unweighted. */
  readonly weighting?: boolean
  /** Factor on the log-probabilities beyond the length of the shorter completion (LD-DPO), in [0, 1]; default 1. */
  readonly ldAlpha?: number
  /** Log entropy, mean logits and accuracy of the tokens too; default true. */
  readonly tokenMetrics?: boolean
}

/**
 * Direct preference optimisation and its family: TRL's fifteen objectives, their divergences, weightings and mixtures.
 * `sigmoid` is −log σ(β(log π/ρ(chosen) − log π/ρ(rejected))), which is ln 2 before the first step. Logs `rewards/*`,
 * `logps/*` and, where single tokens are at hand, `logits/*`, `entropy` and `mean_token_accuracy`.
 *
 * Differs from TRL 1.16 in that `labelSmoothing` acts on `sigmoid` too (cDPO, as in TRL up to 0.9), and that WPO may be
 * combined with `sft`.
 *
 * @throws LossError for options outside their range or that exclude each other, and without a reference model
 * @see TRL 1.16 `trl/trainer/dpo_trainer.py`
 * @see Rafailov et al. 2023, eq. 7 (sigmoid), https://arxiv.org/abs/2305.18290
 * @see Mitchell 2023 (cDPO), https://ericmitchell.ai/cdpo.pdf
 * @see Zhao et al. 2023 (hinge), https://arxiv.org/abs/2305.10425
 * @see Azar et al. 2023, eq. 17 (ipo, per token as TRL has it), https://arxiv.org/abs/2310.12036
 * @see Ji et al. 2024, eq. 16 (exo_pair), https://arxiv.org/abs/2402.00856
 * @see Chen et al. 2024 (nca_pair), https://arxiv.org/abs/2402.05369
 * @see Chowdhury et al. 2024 (robust), https://arxiv.org/abs/2403.00409
 * @see Jung et al. 2024 (bco_pair, without its running mean), https://arxiv.org/abs/2404.04656
 * @see Wu et al. 2024 (sppo_hard), https://arxiv.org/abs/2405.00675
 * @see Melnyk et al. 2024 (aot, aot_unpaired), https://arxiv.org/abs/2406.05882
 * @see D'Oosterlinck et al. 2024, eqs. 7 and 8 (apo_zero, apo_down), https://arxiv.org/abs/2408.06266
 * @see Lu et al. 2024, eq. 5 (discopop), https://arxiv.org/abs/2406.08414
 * @see Wang et al. 2023 (f-divergences), https://arxiv.org/abs/2309.16240
 * @see Zhou et al. 2024, eq. 2 (WPO), https://arxiv.org/abs/2406.11827
 * @see Liu et al. 2024 (LD-DPO), https://arxiv.org/abs/2409.06411
 */
export const dpo = (options: DpoOptions = {}): PreferenceLoss => {
  const { beta = 0.1, weighting = false, ldAlpha = 1, tokenMetrics = true } = options
  const mixture = mixtureOf(options)
  check(options, mixture)
  return preferenceLoss((pairs) => {
    const terms = termsOf(ldAlpha === 1 ? pairs : desensitised(pairs, ldAlpha), options)
    const weights = weighting ? onPolicyWeights(pairs.policy) : 1
    const parts = mixture.map(([type, share]) =>
      mul(mul(dpoFormulas[type](terms), type === 'sft' ? 1 : weights), share),
    )
    const rewards = { chosen: mul(terms.chosenRatio, beta), rejected: mul(terms.rejectedRatio, beta) }
    return perPair(parts.reduce(add), preferenceMetrics({ policy: terms.policy, rewards, tokenMetrics }))
  })
}

type Mixture = readonly (readonly [DpoType, number])[]

const mixtureOf = ({ type = 'sigmoid' }: DpoOptions): Mixture =>
  typeof type === 'string' ? [[type, 1]] : (Object.entries(type) as [DpoType, number][])

const check = (options: DpoOptions, mixture: Mixture): void => {
  const { beta = 0.1, labelSmoothing = 0, fDivergence = 'reverse_kl', ldAlpha = 1, discopopTau = 0.05 } = options
  const require = (holds: boolean, operand: string, got: unknown, expected: string, advice: string) =>
    requireOption(holds, { loss: 'dpo', operand, got, expected, advice })
  const types = mixture.map(([type]) => type)
  const [names, distances] = [Object.keys(dpoFormulas), Object.keys(divergences)]
  require(types.length > 0, 'type', 'none', 'a type', `Use one of ${names.join(', ')}.`)
  for (const type of types)
    require(names.includes(type), 'type', type, 'a known type', `Use one of ${names.join(', ')}.`)
  require(beta > 0, 'beta', beta, 'beta above 0', 'Common values lie between 0.01 and 0.5.')
  require(discopopTau > 0, 'discopopTau', discopopTau, 'discopopTau above 0', 'The paper uses 0.05.')
  require(ldAlpha >= 0 && ldAlpha <= 1, 'ldAlpha', ldAlpha, 'ldAlpha in [0, 1]', 'Use 1 for plain DPO.')
  const flips = labelSmoothing >= 0 && labelSmoothing < 0.5
  require(flips, 'labelSmoothing', labelSmoothing, 'labelSmoothing in [0, 0.5)', 'Use 0 for none.')
  const divergence = labelSmoothing > 0 || !types.includes('exo_pair')
  require(divergence, 'labelSmoothing', labelSmoothing, 'labelSmoothing above 0 with exo_pair', 'The paper uses 0.001.')
  const known = distances.includes(fDivergence)
  require(known, 'fDivergence', fDivergence, 'a known divergence', `Use one of ${distances.join(', ')}.`)
  const plain = fDivergence === 'reverse_kl' ? undefined : types.find((type) => !divergent.has(type))
  require(!plain, 'fDivergence', fDivergence, `reverse_kl with ${plain}`, `It goes with ${[...divergent].join(', ')}.`)
}

const termsOf = ({ policy, reference }: PreferencePairs, options: DpoOptions): DpoTerms => {
  const { beta = 0.1, labelSmoothing = 0, discopopTau = 0.05, fDivergence = 'reverse_kl', alpha = 0.5 } = options
  const chosenRatio = logRatio(policy.chosen, reference.chosen)
  const rejectedRatio = logRatio(policy.rejected, reference.rejected)
  const score = divergences[fDivergence]
  return {
    policy,
    reference,
    chosenRatio,
    rejectedRatio,
    chosenScore: score(chosenRatio, alpha),
    rejectedScore: score(rejectedRatio, alpha),
    beta,
    labelSmoothing,
    discopopTau,
  }
}

/** f′ at the probability ratio e^r, up to a constant. */
const divergences: Readonly<Record<FDivergence, (ratio: Tensor, alpha: number) => Tensor>> = {
  reverse_kl: (ratio) => ratio,
  forward_kl: (ratio) => sub(1, exp(mul(ratio, -1))),
  js_divergence: (ratio) => add(logSigmoid(ratio), Math.LN2),
  alpha_divergence: (ratio, alpha) => {
    const order = alpha - 1
    if (Math.abs(order) < 1e-6) return ratio
    return mul(sub(exp(minimum(mul(ratio, order), 80)), 1), 1 / order) // e^80 still fits float32
  },
}

/** Pairs whose log-probabilities count only by `alpha` beyond the length that both completions have. */
const desensitised = ({ policy, reference }: PreferencePairs, alpha: number): PreferencePairs => {
  const shared = minimum(policy.chosen.length, policy.rejected.length)
  const limits = concat([shared, shared], 0)
  const shorten = (completion: Completion): Completion => {
    const { scores, sum } = tokensOf('dpo', completion)
    const inside = less(cast(scores.offsets, 'float32'), gather(limits, scores.sequences))
    return { ...completion, logProb: sum(mul(scores.logProbs, where(inside, 1, alpha))) }
  }
  const both = ({ chosen, rejected }: Pair): Pair => ({ chosen: shorten(chosen), rejected: shorten(rejected) })
  return { policy: both(policy), reference: both(reference) }
}

/** How likely the model is to write each pair, against its own most typical words; [P], no gradient. */
const onPolicyWeights = ({ chosen, rejected }: Pair): Tensor => {
  const weight = (completion: Completion): Tensor => {
    const { scores, sum } = tokensOf('dpo', completion)
    const aligned = sub(scores.logProbs, log(scores.sumSquaredProbs()))
    return exp(div(sum(aligned), maximum(completion.length, 1)))
  }
  return stopGradient(mul(weight(chosen), weight(rejected)))
}
