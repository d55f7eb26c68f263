import { cast, greater, sub, type Tensor } from '@qilin-med/tensor'
import { meanMetric, ratioMetric } from './reductions'
import type { Completion, Metric, Pair } from './types'

/** What `preferenceMetrics` reports on. */
export interface PreferenceMetricsOptions {
  readonly policy: Pair
  /** Implicit rewards of both completions, [P]: β · log π/ρ for DPO. */
  readonly rewards: { readonly chosen: Tensor; readonly rejected: Tensor }
  /** What `logps/*` report, [P]; default: summed log-probabilities. */
  readonly logProbs?: { readonly chosen: Tensor; readonly rejected: Tensor }
  /** Report on single tokens too, where they are at hand; default true. */
  readonly tokenMetrics?: boolean
}

/**
 * What TRL logs for a preference loss: `rewards/chosen|rejected|margins|accuracies` (a tie counts as wrong),
 * `logps/chosen|rejected`, and from single tokens `logits/chosen|rejected`, `entropy`, `mean_token_accuracy` (chosen).
 */
export const preferenceMetrics = (options: PreferenceMetricsOptions): Record<string, Metric> => {
  const { policy, rewards, tokenMetrics = true } = options
  const logProbs = options.logProbs ?? { chosen: policy.chosen.logProb, rejected: policy.rejected.logProb }
  return {
    'rewards/chosen': meanMetric(rewards.chosen),
    'rewards/rejected': meanMetric(rewards.rejected),
    'rewards/accuracies': meanMetric(cast(greater(rewards.chosen, rewards.rejected), 'float32')),
    'rewards/margins': meanMetric(sub(rewards.chosen, rewards.rejected)),
    'logps/chosen': meanMetric(logProbs.chosen),
    'logps/rejected': meanMetric(logProbs.rejected),
    ...(tokenMetrics ? metricsOfTokens(policy) : {}),
  }
}

const metricsOfTokens = ({ chosen, rejected }: Pair): Record<string, Metric> => {
  const tokens = chosen.tokens
  if (!tokens) return {}
  const { scores } = tokens
  const over = (completion: Completion, values: Tensor): Metric =>
    ratioMetric(completion.tokens!.sum(values), completion.length)
  return {
    'logits/chosen': over(chosen, scores.meanLogit()),
    'logits/rejected': over(rejected, scores.meanLogit()),
    entropy: meanMetric(scores.entropy()),
    mean_token_accuracy: over(chosen, scores.correct()),
  }
}
