export { ChatTemplateError } from './chat/errors'
export { compileTemplate, type Template } from './chat/jinja/template'
export { Float, JinjaError, type JinjaErrorKind } from './chat/jinja/values'
export type * from './chat/types'
export { tokenizerFiles } from './checkpoint/folder'
export type { WeightFormat } from './checkpoint/format'
export { type GenerationConfig, generationConfig, readGenerationConfig } from './checkpoint/generation-config'
export { type Checkpoint, type Location, openCheckpoint } from './checkpoint/open'
export { type CheckpointContents, writeCheckpoint } from './checkpoint/write'
export { parseConfig, readConfig, supportedModelTypes } from './config/parse'
export type * from './config/types'
export { ModelsError, type ModelsErrorCode, type ModelsErrorFields } from './errors'
export { decoderGraph } from './export/decoder-graph'
export { type ExportedModel, type ExportOptions, exportOnnx, type OnnxDtype } from './export/onnx'
export type { CachedBatch, DecoderBatch, KeyValue, TokenBatch } from './families/context'
export { type Module, modulesOf, type ParameterShape, parametersOf } from './families/modules'
export {
  allHiddenStates,
  cachedHiddenStates,
  decoderHiddenStates,
  hiddenStates,
  type OutputHead,
  outputHead,
  type PassOptions,
  projectToVocabulary,
} from './forward'
export type { BatchLimits } from './generate/batches'
export { createGenerator, type GenerateOptions, type GenerateWork, type Generator } from './generate/generate'
export type { SamplingOptions } from './generate/sample'
export { type LoadedModel, type LoadModelOptions, loadModel } from './load'
export {
  type CreateModelOptions,
  createModel,
  type LanguageModel,
  type NetworkAdapter,
  type WeightSource,
} from './model'
export { linears, type Network, network } from './network'
export {
  createScorer,
  type Score,
  type ScoreOptions,
  type ScoreRequest,
  type Scorer,
  type ScorerOptions,
  type ScoreWork,
} from './score/score'
export type { TextScoreRequest } from './text/parted'
export {
  type TextGenerateOptions,
  type TextModel,
  type TextPrompt,
  type TextScoreOptions,
  type TextWork,
  textModel,
} from './text/text-model'
export { TokenizerError } from './tokenizer/errors'
export { loadTokenizer } from './tokenizer/load'
export { parseSentencePiece, type SentencePieceModel } from './tokenizer/sentencepiece/model'
export { type SentencePieceProcessor, sentencePieceProcessor } from './tokenizer/sentencepiece/processor'
export { readTokenizerSettings, type TokenizerSettings, tokenizerSettings } from './tokenizer/settings'
export { tokenizerFromJson, tokenizerFromSentencePiece } from './tokenizer/tokenizer'
export type * from './tokenizer/types'
