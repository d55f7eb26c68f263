import {
  add,
  cast,
  greater,
  logSigmoid,
  max,
  maximum,
  min,
  minimum,
  mul,
  neg,
  reshape,
  square,
  sub,
  type Tensor,
} from '@qilin-med/tensor'
import { requireOption } from './errors'
import { meanMetric, perPair } from './reductions'
import type { LossResult, RewardLoss, RewardPairs } from './types'

/** Options of `reward`. */
export interface RewardOptions {
  /** Weight of (chosen + rejected)², which keeps rewards around 0; default 0, the paper uses 0.01. */
  readonly centering?: number
}

/**
 * Loss of a reward model (Bradley–Terry): −log σ(chosen − rejected − margin), with rewards kept around 0 on request.
 * Logs `min_reward`, `mean_reward`, `max_reward`, `accuracy` and `margin`.
 *
 * @throws LossError for a negative weight
 * @see TRL 1.16 `trl/trainer/reward_trainer.py`; Ouyang et al. 2022, eq. 1, https://arxiv.org/abs/2203.02155
 * @see Touvron et al. 2023, §3.2.2 (margin), https://arxiv.org/abs/2307.09288
 * @see Eisenstein et al. 2023 (centering), https://arxiv.org/abs/2312.09244
 */
export const reward = ({ centering = 0 }: RewardOptions = {}): RewardLoss => {
  const expected = 'centering of 0 or more'
  requireOption(centering >= 0, {
    loss: 'reward',
    operand: 'centering',
    got: centering,
    expected,
    advice: 'Use 0 for none.',
  })
  const loss = ({ chosen, rejected, margin }: RewardPairs): LossResult => {
    const difference = sub(chosen, rejected)
    const ranked = neg(logSigmoid(margin ? sub(difference, margin) : difference))
    const losses = centering > 0 ? add(ranked, mul(square(add(chosen, rejected)), centering)) : ranked
    const one = (x: Tensor) => meanMetric(reshape(x, [1]))
    return perPair(losses, {
      min_reward: one(minimum(min(chosen), min(rejected))),
      mean_reward: meanMetric(mul(add(chosen, rejected), 0.5)),
      max_reward: one(maximum(max(chosen), max(rejected))),
      accuracy: meanMetric(cast(greater(chosen, rejected), 'float32')),
      margin: meanMetric(difference),
    })
  }
  return Object.assign(loss, { kind: 'reward' as const })
}
