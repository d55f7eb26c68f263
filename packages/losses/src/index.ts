export { type DpoOptions, dpo, type FDivergence } from './dpo'
export type { DpoType } from './dpo-types'
export { LossError, type LossErrorCode, type LossErrorFields, MissingReferenceError } from './errors'
export { logRatio, type PreferencePairsOptions, preferenceLoss, preferencePairs } from './preference'
export { type PreferenceMetricsOptions, preferenceMetrics } from './preference-metrics'
export { meanMetric, perPair, ratioMetric, sumBySequence } from './reductions'
export { cpt, type SftOptions, sft, type TokenReduction } from './sft'
export { tokenLoss } from './token'
export type {
  Completion,
  CompletionTokens,
  LossResult,
  Metric,
  Pair,
  PreferenceLoss,
  PreferencePairs,
  TokenLoss,
  TokenScores,
} from './types'
export { type LinearTokenScoresOptions, linearTokenScores } from './vocabulary/linear-token-scores'
export type { OutputHead } from './vocabulary/output-head'
