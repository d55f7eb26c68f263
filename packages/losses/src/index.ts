export { type CpoOptions, type CpoType, cpo, simpo } from './cpo'
export {
  type DistillationLoss,
  type DistillationOptions,
  distillation,
  type StudentAndTeacher,
} from './distillation'
export { type DpoOptions, dpo, type FDivergence } from './dpo'
export type { DpoType } from './dpo-types'
export { LossError, type LossErrorCode, type LossErrorFields, MissingReferenceError } from './errors'
export { grpo } from './grpo'
export type { GammaShape, GrpoOptions, GrpoType } from './grpo-options'
export { type KtoOptions, type KtoType, kto, type UnpairedCompletionsOptions, unpairedCompletions } from './kto'
export { needsReference } from './needs'
export { type OrpoOptions, orpo } from './orpo'
export { logRatio, type PreferencePairsOptions, preferenceLoss, preferencePairs } from './preference'
export { type PreferenceMetricsOptions, preferenceMetrics } from './preference-metrics'
export { meanMetric, perPair, ratioMetric, sumBySequence } from './reductions'
export { type RewardOptions, reward } from './reward'
export { cpt, type SftOptions, sft, type TokenReduction } from './sft'
export { ascending } from './sort'
export { tokenLoss } from './token'
export type {
  Completion,
  CompletionTokens,
  LossResult,
  Metric,
  Pair,
  PreferenceLoss,
  PreferencePairs,
  RewardLoss,
  RewardPairs,
  RolloutLoss,
  Rollouts,
  TokenLoss,
  TokenScores,
  UnpairedCompletions,
  UnpairedLoss,
} from './types'
export { type DivergenceOptions, divergenceOfLogits } from './vocabulary/divergence'
export {
  type Divergence,
  type LinearDivergenceOptions,
  linearDivergence,
  type Projection,
} from './vocabulary/linear-divergence'
export { type LinearTokenScoresOptions, linearTokenScores } from './vocabulary/linear-token-scores'
export { type LogitTokenScoresOptions, logitTokenScores } from './vocabulary/logit-token-scores'
export type { OutputHead } from './vocabulary/output-head'
