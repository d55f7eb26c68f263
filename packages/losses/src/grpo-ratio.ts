import {
  clip,
  exp,
  greater,
  minimum,
  mul,
  neg,
  sigmoid,
  stopGradient,
  sub,
  type Tensor,
  where,
} from '@qilin-med/tensor'
import { type Grouping, groupingOf } from './grouping'
import { gammaWeights } from './grpo-masks'
import type { GrpoSettings } from './grpo-options'
import type { Rollouts } from './types'

/** How much likelier the policy makes each token than when it was sampled, and what the token's completion earned. */
export interface Ratios {
  readonly logProbs: Tensor
  /** [N] log π/π_old of each token. */
  readonly logRatio: Tensor
  /** π/π_old: [N] at token level, [S] at sequence level. */
  readonly ratio: Tensor
  /** [S] */
  readonly advantages: Tensor
  readonly group: Grouping
  /** A value at the level of the ratio as one per token, [N]. */
  perToken(values: Tensor): Tensor
  /** An [S] value at the level of the ratio. */
  atLevel(values: Tensor): Tensor
}

/** Ratios of the tokens, or of the completions as geometric means over their tokens. */
export const ratiosOf = ({ policy, advantages, old }: Rollouts, { level }: GrpoSettings): Ratios => {
  const group = groupingOf(policy)
  const logRatio = sub(policy.logProbs, stopGradient(old ?? policy.logProbs))
  const bySequence = level === 'sequence'
  return {
    logProbs: policy.logProbs,
    logRatio,
    ratio: exp(bySequence ? group.mean(logRatio) : logRatio),
    advantages,
    group,
    perToken: bySequence ? group.spread : (values) => values,
    atLevel: bySequence ? (values) => values : group.spread,
  }
}

/** Types whose ratio is clipped on both sides. */
export const clipped: ReadonlySet<GrpoSettings['type']> = new Set(['grpo', 'bnpo', 'dr_grpo', 'dapo', 'luspo'])

/** Loss of every token before masks and penalties, [N]. */
export const policyTerms = (ratios: Ratios, settings: GrpoSettings): Tensor => {
  const { logProbs, ratio, perToken, atLevel, group } = ratios
  const { type, epsilonLow, epsilonHigh } = settings
  const advantages = atLevel(ratios.advantages)
  if (type === 'cispo') {
    const weight = mul(stopGradient(minimum(ratio, epsilonHigh)), advantages)
    return neg(mul(perToken(weight), logProbs))
  }
  if (type === 'vespo') {
    const weight = gammaWeights(ratios.logRatio, ratios.advantages, group, settings)
    return neg(mul(group.spread(mul(weight, ratios.advantages)), logProbs))
  }
  if (type === 'sapo') return neg(perToken(mul(softGate(ratio, advantages, settings), advantages)))
  const trusted = clip(ratio, 1 - epsilonLow, 1 + epsilonHigh)
  return neg(perToken(minimum(mul(bounded(ratio, settings), advantages), mul(trusted, advantages))))
}

/** The ratio, held below `delta` where there is one. */
export const bounded = (ratio: Tensor, { delta }: GrpoSettings): Tensor =>
  delta === undefined ? ratio : minimum(ratio, delta)

/** 4/τ · σ(τ(w − 1)): slope 1 at w = 1, flat far from it. */
const softGate = (ratio: Tensor, advantages: Tensor, { sapoTemperature }: GrpoSettings): Tensor => {
  const { winning, losing } = sapoTemperature
  const won = greater(advantages, 0)
  const gate = (tau: number) => mul(sigmoid(mul(sub(ratio, 1), tau)), 4 / tau)
  return where(won, gate(winning), gate(losing))
}
