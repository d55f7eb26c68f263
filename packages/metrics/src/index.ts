// Text

export { type ExamScores, examScores } from './classification/exam'
export { type ConfusionMatrix, confusionMatrix } from './classification/labels'
export { type PreferenceAccuracy, preferenceAccuracy } from './classification/preference'
// Classification
export {
  type Averaging,
  accuracy,
  type ClassScores,
  perClass,
  precisionRecallF1,
  type ScoreOptions,
  weightedF1,
} from './classification/scores'
export { MetricsError, type MetricsErrorCode, type MetricsErrorFields } from './errors'
export { qilinCevalExtractor } from './extract/ceval'
export {
  type AnswerAndExplanation,
  cmexamLoraExtractor,
  cmexamRegexExtractor,
  cmexamRegexParse,
  qilinCmexamExtractor,
} from './extract/cmexam'
// Answer extraction
export { type AnswerExtractor, type AnswerOption, type Extraction, parseOptions } from './extract/extractor'
export { strictExtractor } from './extract/strict'
// Uncertainty
export { type BootstrapOptions, bootstrap, bootstrapMean, type Interval } from './statistics/bootstrap'
export { percentile } from './statistics/percentile'
export { numpyRandom, type RandomSource } from './statistics/random'
export { type BleuOptions, type BleuScore, type BleuSmoothing, bleu, bleuMetric, sentenceBleu } from './text/bleu'
export { type CmexamBleu, type CmexamBleuOptions, cmexamBleu } from './text/bleu-cmexam'
export type { CorpusMetric, Statistics } from './text/corpus-metric'
export { type Perplexity, perplexity } from './text/perplexity'
export type { References } from './text/references'
export { type CmexamRouge, cmexamRouge, type PrecisionRecall } from './text/rouge-cmexam'
export { type Tokenizer, type TokenizerName, tokenize } from './text/tokenizer'
