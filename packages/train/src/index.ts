export { TrainError, type TrainErrorCode, type TrainErrorFields } from './errors'
export type {
  AdapterFactory,
  AdapterOptions,
  ParameterShape,
  Parameters,
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
