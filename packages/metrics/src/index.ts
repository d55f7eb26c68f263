// BLEU: sacrebleu's, the official CMExam scripts', NLTK's

export { balancedAccuracy, cohenKappa, type KappaWeights, matthewsCorrelation } from './classification/agreement'
export { brierScore, type Calibration, type CalibrationBin, calibration, logLoss } from './classification/calibration'
export { type ExamScores, examScores } from './classification/exam'
export { type ConfusionMatrix, confusionMatrix } from './classification/labels'
export { type MultiAnswerScores, multiAnswerScores } from './classification/multi-label'
export { type PreferenceAccuracy, preferenceAccuracy } from './classification/preference'
export { averagePrecision, passAtK, rocAuc } from './classification/ranking'
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
export { cevalLlamaExtractor, cevalThought, qilinCevalExtractor } from './extract/ceval'
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
export { type JiebaOptions, loadJieba } from './segment/jieba'
export type { Segmenter } from './segment/segmenter'
// Uncertainty
export { type BootstrapOptions, bootstrap, bootstrapMean, type Interval } from './statistics/bootstrap'
export { mcnemar, mcnemarOf, type TestResult } from './statistics/mcnemar'
export { percentile } from './statistics/percentile'
export { type PowerOptions, questionsNeeded } from './statistics/power'
export { type ProportionMethod, proportionInterval } from './statistics/proportion'
export { numpyRandom, type RandomSource } from './statistics/random'
export {
  approximateRandomization,
  type BootstrappedScore,
  bootstrapCorpus,
  type PairedResult,
  pairedBootstrap,
  type ResamplingOptions,
  type System,
} from './statistics/significance'
export {
  type BleuOptions,
  type BleuScore,
  type BleuSmoothing,
  bleu,
  bleuMetric,
  formatBleu,
  sentenceBleu,
} from './text/bleu'
export { type CmexamBleu, type CmexamBleuOptions, cmexamBleu } from './text/bleu-cmexam'
export { type NltkBleuOptions, type NltkSmoothing, nltkCorpusBleu, nltkSentenceBleu } from './text/bleu-nltk'
// Other text metrics
export { type ChrfOptions, type ChrfScore, chrf, chrfMetric } from './text/chrf'
export { type CmexamTextScores, cmexamTextScores } from './text/cmexam-scores'
export { type CorpusMetric, type Rounding, type Statistics, sumRows } from './text/corpus-metric'
export { distinctN } from './text/distinct'
export { embeddingScore, type TokenEmbedder } from './text/embedding-score'
export { type Perplexity, perplexity } from './text/perplexity'
export type { PrecisionRecall } from './text/precision-recall'
export { type AnswerMatch, answerMatch, characterF1, exactMatch, normalizeAnswer, substringF1 } from './text/qa'
export type { References } from './text/references'
// ROUGE: rouge-score's, the official CMExam scripts', rouge-chinese's
export { type Rouge, type RougeOptions, rouge, rougeL, rougeLsum, rougeN } from './text/rouge'
export { type RougeChinese, type RougeChineseRow, rougeChinese } from './text/rouge-chinese'
export { type CmexamRouge, cmexamRouge } from './text/rouge-cmexam'
export { type TerScore, ter, terMetric } from './text/ter'
export type { TerTokenOptions } from './text/ter-tokenize'
export { type TermRecall, termRecall } from './text/term-recall'
// Words
export { type Tokenizer, type TokenizerName, tokenize } from './text/tokenizer'
