import { requireOption } from './errors'

/** Objectives of `grpo`. */
export type GrpoType = (typeof grpoTypes)[number]

const grpoTypes = ['grpo', 'bnpo', 'dr_grpo', 'dapo', 'cispo', 'sapo', 'luspo', 'vespo'] as const

/** Options of `grpo`. */
export interface GrpoOptions {
  /**
   * How a token is weighed and how tokens are averaged; default `dapo`, as in TRL.
   * `grpo`: clipped ratio, mean over each completion, then over completions. `bnpo`: mean over the tokens of a
   * micro-batch. `dr_grpo`: sum over tokens by completions times `maxCompletionLength`. `dapo`: mean over all tokens of
   * a step. `cispo`: clipped ratio as a constant weight of log p. `sapo`: soft gate instead of clipping. `luspo`: sum
   * over each completion, then mean. `vespo`: gamma weight of the completion's ratio.
   */
  readonly type?: GrpoType
  /** Ratio of each token, or of each completion (its geometric mean; GSPO); default `token`, `sequence` for `luspo`. */
  readonly level?: 'token' | 'sequence'
  /** Weight of the KL penalty towards the reference model; default 0. */
  readonly beta?: number
  /** The ratio is clipped below 1 − `epsilonLow`; default 0.2. */
  readonly epsilonLow?: number
  /** The ratio is clipped above 1 + `epsilonHigh` (above `epsilonHigh` itself for `cispo`); default 0.2, 5 for `cispo`. */
  readonly epsilonHigh?: number
  /** Upper bound of the unclipped ratio (two-sided clipping); default none. */
  readonly delta?: number
  /** Longest completion that is sampled; needed by `dr_grpo`. */
  readonly maxCompletionLength?: number
  /** Weigh the KL penalty by the ratio, which makes its gradient unbiased off policy (DeepSeek-V3.2); default false. */
  readonly unbiasedKl?: boolean
  /** Share of tokens with the highest entropy that are learnt from; default 1. */
  readonly topEntropyShare?: number
  /** Weight of the mean entropy, which is rewarded; default 0. */
  readonly entropyWeight?: number
  /** Leave out losing completions whose mean log-ratio from old to new policy is above this (DeepSeek-V3.2); default none. */
  readonly offPolicyThreshold?: number
  /** Steepness of `sapo`'s gate for winning and losing completions; default 1 and 1.05. */
  readonly sapoTemperature?: { readonly winning: number; readonly losing: number }
  /** Shape k and rate λ of `vespo`'s gamma weight; default k 2, λ 3 for winning and k 3, λ 2 for losing completions. */
  readonly vespo?: { readonly winning: GammaShape; readonly losing: GammaShape }
}

/** Shape and rate of a gamma weight, e^λ · w^k · e^−λw. */
export interface GammaShape {
  readonly k: number
  readonly lambda: number
}

/** The options with everything filled in that has a default. */
export type GrpoSettings = Required<Omit<GrpoOptions, 'delta' | 'maxCompletionLength' | 'offPolicyThreshold'>> &
  Pick<GrpoOptions, 'delta' | 'maxCompletionLength' | 'offPolicyThreshold'>

/** Settings from options. @throws LossError for options outside their range */
export const grpoSettings = (options: GrpoOptions): GrpoSettings => {
  const { type = 'dapo' } = options
  const settings: GrpoSettings = {
    level: type === 'luspo' ? 'sequence' : 'token',
    beta: 0,
    epsilonLow: 0.2,
    epsilonHigh: type === 'cispo' ? 5 : 0.2,
    unbiasedKl: false,
    topEntropyShare: 1,
    entropyWeight: 0,
    sapoTemperature: { winning: 1, losing: 1.05 },
    vespo: { winning: { k: 2, lambda: 3 }, losing: { k: 3, lambda: 2 } },
    ...options,
    type,
  }
  check(settings)
  return settings
}

const check = (settings: GrpoSettings): void => {
  const require = (holds: boolean, operand: keyof GrpoOptions, expected: string, advice: string) =>
    requireOption(holds, { loss: 'grpo', operand, got: settings[operand], expected, advice })
  const { type, level, beta, epsilonLow, epsilonHigh, delta, topEntropyShare: share } = settings
  require(grpoTypes.includes(type), 'type', `one of ${grpoTypes.join(', ')}`, 'Check the name.')
  require(level === 'token' || level === 'sequence', 'level', `'token' or 'sequence'`, 'Check the name.')
  require(beta >= 0, 'beta', 'beta of 0 or more', 'Use 0 for no KL penalty.')
  require(epsilonLow >= 0 && epsilonLow < 1, 'epsilonLow', 'epsilonLow in [0, 1)', 'The paper uses 0.2.')
  require(epsilonHigh >= 0, 'epsilonHigh', 'epsilonHigh of 0 or more', 'Common values are 0.2 and 0.28.')
  require(delta === undefined || delta > 1, 'delta', 'delta above 1', 'Leave it out for one-sided clipping.')
  require(share > 0 && share <= 1, 'topEntropyShare', 'topEntropyShare in (0, 1]', 'Use 1 for all tokens.')
  const length = settings.maxCompletionLength ?? 0
  require(type !== 'dr_grpo' || length > 0, 'maxCompletionLength', 'maxCompletionLength with dr_grpo', 'Pass it.')
}
