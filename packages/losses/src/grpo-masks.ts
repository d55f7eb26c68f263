import {
  add,
  cast,
  clip,
  exp,
  greaterEqual,
  lessEqual,
  mul,
  or,
  stopGradient,
  sub,
  type Tensor,
  where,
} from '@qilin-med/tensor'
import type { Grouping } from './grouping'
import type { GrpoSettings } from './grpo-options'
import { quantile } from './quantile'

/** [N] 1 for the share of tokens whose entropy is highest, else 0. */
export const entropyMask = (entropy: Tensor, { topEntropyShare }: GrpoSettings): Tensor => {
  const values = stopGradient(entropy)
  return cast(greaterEqual(values, quantile(values, 1 - topEntropyShare)), 'float32')
}

/** [S] 0 for a losing completion that the policy has moved away from by more than `threshold` nats per token, else 1. */
export const offPolicyMask = (logRatio: Tensor, advantages: Tensor, group: Grouping, threshold: number): Tensor => {
  const divergence = group.mean(mul(stopGradient(logRatio), -1))
  return cast(or(greaterEqual(advantages, 0), lessEqual(divergence, threshold)), 'float32')
}

/** [S] e^λ · w^k · e^−λw with w the ratio of the whole completion, without gradient. */
export const gammaWeights = (
  logRatio: Tensor,
  advantages: Tensor,
  group: Grouping,
  { vespo: { winning, losing } }: GrpoSettings,
): Tensor => {
  const ratio = clip(group.sum(clip(stopGradient(logRatio), -20, 20)), Math.log(1e-8), 20)
  const won = greaterEqual(advantages, 0)
  const k = where(won, winning.k, losing.k)
  const lambda = where(won, winning.lambda, losing.lambda)
  return exp(sub(add(lambda, mul(k, ratio)), mul(lambda, exp(ratio))))
}
