import { add, broadcastTo, div, log, logSigmoid, minimum, mul, neg, sub, type Tensor, tanh } from '@qilin-med/tensor'
import { meanLogProb, meanNll } from './cpo'
import { LossError, requireOption } from './errors'
import { preferenceLoss } from './preference'
import { preferenceMetrics } from './preference-metrics'
import { meanMetric, perPair } from './reductions'
import type { Completion, PreferenceLoss, PreferencePairs } from './types'

/** Options of `orpo`. */
export interface OrpoOptions {
  /** Weight of the odds ratio (λ in the paper); above 0, default 0.1. */
  readonly beta?: number
  /**
   * Tokens whose cross-entropy is learnt: those of the chosen completions (default), or `sequence`, the prompts too as in
   * TRL, which needs pairs with prompts (`preferencePairs({ prompts: true })`).
   */
  readonly nll?: 'completion' | 'sequence'
}

/**
 * Odds ratio preference optimisation: cross-entropy of the chosen completions, and −β·log σ of the log odds ratio of mean
 * log-probabilities. No reference model. Logs `rewards/*`, `logps/*`, `logits/*`, `nll_loss`, `log_odds_ratio` and
 * `log_odds_chosen`.
 *
 * @throws LossError for options outside their range, and for `nll: 'sequence'` without prompts
 * @see TRL 1.16 `trl/experimental/orpo/orpo_trainer.py`; Hong et al. 2024, eqs. 4 and 7, https://arxiv.org/abs/2403.07691
 */
export const orpo = ({ beta = 0.1, nll = 'completion' }: OrpoOptions = {}): PreferenceLoss => {
  const advice = 'Common values lie between 0.05 and 0.5.'
  requireOption(beta > 0, { loss: 'orpo', operand: 'beta', got: beta, expected: 'beta above 0', advice })
  return preferenceLoss((pairs) => {
    const { policy } = pairs
    const logProbs = { chosen: meanLogProb(policy.chosen), rejected: meanLogProb(policy.rejected) }
    const odds = sub(logOdds(logProbs.chosen), logOdds(logProbs.rejected))
    const ratio = logSigmoid(odds)
    const crossEntropy = meanNll(nll === 'sequence' ? [promptsOf(pairs), policy.chosen] : [policy.chosen])
    const rewards = { chosen: mul(logProbs.chosen, beta), rejected: mul(logProbs.rejected, beta) }
    return perPair(add(neg(mul(ratio, beta)), crossEntropy), {
      ...preferenceMetrics({ policy, rewards, logProbs }),
      nll_loss: meanMetric(broadcastTo(crossEntropy, [1])),
      log_odds_ratio: meanMetric(ratio),
      log_odds_chosen: meanMetric(odds),
    })
  })
}

const promptsOf = ({ prompts }: PreferencePairs): Completion => {
  if (prompts) return prompts
  throw new LossError(
    'missing-input',
    `orpo: expected pairs with prompts for nll 'sequence', got none. Label the prompts too and pass { prompts: true } to preferencePairs, or use nll 'completion'.`,
    { loss: 'orpo', operand: 'prompts' },
  )
}

/** Log-probabilities above this count as this: their odds would be infinite. */
const almostCertain = -1e-7

/** log(p / (1 − p)) from log p, without the cancellation that 1 − e^x has near 0: 1 − e^x = −2t/(1−t), t = tanh(x/2). */
const logOdds = (logProb: Tensor): Tensor => {
  const x = minimum(logProb, almostCertain)
  const t = tanh(mul(x, 0.5))
  return sub(x, log(div(mul(t, -2), sub(1, t))))
}
