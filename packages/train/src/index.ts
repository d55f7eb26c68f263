export { TrainError, type TrainErrorCode, type TrainErrorFields } from './errors'
export type {
  AttachedAdapter,
  OutputHead,
  ParameterSpec,
  ParameterValues,
  TokenBatch,
  TrainableAdapter,
  TrainableModel,
} from './model'
