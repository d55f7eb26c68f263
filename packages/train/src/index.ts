export type { CheckpointRecord, RunSettings } from './checkpoints/checkpoint'
export type { CollateOptions } from './data/collate'
export type { DataSource, Dataset } from './data/dataset'
export type { BatchOptions } from './data/plan'
export { ignoreIndex, type PreferenceRow, type TokenRow, type TrainingRow } from './data/rows'
export { TrainError, type TrainErrorCode, type TrainErrorFields } from './errors'
export { attentionBlocksFor } from './loop/attention-blocks'
export { type EvaluateOptions, type Evaluation, evaluate } from './loop/evaluate'
export type {
  CheckpointEnd,
  EpochEnd,
  EvalEnd,
  ReferenceStep,
  RunEnd,
  RunStart,
  StepEnd,
  StepRecord,
  TrainEvent,
  Warning,
} from './loop/events'
export type { Loss } from './loop/objective'
export type { CheckpointOptions, EvaluationOptions, TrainOptions } from './loop/options'
export { type TrainingRun, train } from './loop/train'
export type {
  AdapterFactory,
  AdapterOptions,
  FirstValues,
  ParameterShape,
  Parameters,
  PassOptions,
  TokenBatch,
  TrainableAdapter,
  TrainableModel,
} from './model'
export { type AdafactorOptions, adafactor } from './optimizers/adafactor'
export { type AdamOptions, adam, adamw } from './optimizers/adam'
export { clipByGlobalNorm, globalNorm } from './optimizers/clip'
export { type LionOptions, lion } from './optimizers/lion'
export {
  decaysByName,
  loraPlus,
  type Optimizer,
  type OptimizerOptions,
  type OptimizerState,
  type UpdateInputs,
} from './optimizers/optimizer'
export { type SgdOptions, sgd } from './optimizers/sgd'
export {
  type CptStage,
  type DpoStage,
  qilinPaper,
  qilinScripts,
  type Recipe,
  type SftStage,
  type StageName,
  type StageSettings,
} from './recipe/recipe'
export type { RecipeRows } from './recipe/rows'
export { type RecipeEvent, type RecipeRun, runRecipe, type StageEnd, type StageStart } from './recipe/run'
export { csv } from './reporters/csv'
export { type HtmlReportOptions, htmlReport } from './reporters/html-report'
export { jsonl } from './reporters/jsonl'
export { type LineChartOptions, lineChart, type Series } from './reporters/line-chart'
export { type ProgressBarOptions, progressBar, type TextStream } from './reporters/progress-bar'
export { type Reporter, reportTo } from './reporters/reporter'
export { type TensorboardOptions, tensorboard } from './reporters/tensorboard'
export {
  type CosineOptions,
  cosine,
  cosineFromFirstStep,
  cosineToMinimum,
  cosineWithRestarts,
  type FromFirstStepOptions,
  type MinimumOptions,
} from './schedules/cosine'
export {
  constant,
  type InverseSqrtOptions,
  inverseSqrt,
  linear,
  type PolynomialOptions,
  polynomial,
} from './schedules/linear'
export { type Schedule, type WarmupOptions, warmupSteps } from './schedules/schedule'
export { type WarmupDecayOptions, warmupDecay } from './schedules/warmup-decay'
export { type RampShape, type WarmupStableDecayOptions, warmupStableDecay } from './schedules/warmup-stable-decay'
