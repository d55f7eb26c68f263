// Running

export { type Answer, type AnswerOptions, answerRequests, type RetryOptions } from './benchmarks/answer'
export { type AnswerCache, contentKey, fileCache, memoryCache } from './benchmarks/cache'
export { type EvaluateOptions, type EvaluationProgress, evaluate } from './benchmarks/evaluate'
export {
  type AnswerPair,
  type JudgedPair,
  type JudgeOptions,
  type JudgeResult,
  judgePairs,
  judgePrompt,
  type Verdict,
} from './benchmarks/judge'
export type {
  CallOptions,
  ChatMessage,
  ContinuationScore,
  EvaluatedModel,
  GenerateRequest,
  ModelFailure,
  ModelRequest,
  Prompt,
  ScoreRequest,
} from './benchmarks/model'
// Models
export {
  type LanguageModelOptions,
  type LocalEvaluatedModel,
  type LocalModel,
  type LocalTokenizer,
  languageModel,
  weightsDigest,
} from './benchmarks/models/language-model'
export { type OpenAiOptions, openaiModel } from './benchmarks/models/openai'
export { pipelineModel, type TextGenerationPipeline } from './benchmarks/models/pipeline'
export { predictionsModel } from './benchmarks/models/predictions'
export { type ProgressSurroundings, progressLine } from './benchmarks/progress'
// Prompts
export { type CevalPreset, cevalPrompter } from './benchmarks/prompts/ceval'
export { type CevalCategory, cevalMedical, cevalSubjects, cmmluMedical } from './benchmarks/prompts/ceval-subjects'
export type { ChoicePrompt, ChoicePrompter, ChoiceQuestion } from './benchmarks/prompts/choice-prompt'
export { type CmexamPreset, cmexamExplanationPrompter, cmexamPrompter } from './benchmarks/prompts/cmexam'
export { type CmmluPreset, cmmluPrompter } from './benchmarks/prompts/cmmlu'
export type { Dropped } from './benchmarks/read-rows'
export { type Comparison, comparisons, comparisonText, type ModelTask } from './benchmarks/report/compare'
export { htmlReport } from './benchmarks/report/html'
// Reports
export { harnessJson } from './benchmarks/report/json'
export { markdownTables } from './benchmarks/report/markdown'
export { type WrittenReport, writeReport } from './benchmarks/report/write'
export type {
  EvaluationResult,
  Measure,
  PreparedTask,
  RowResult,
  SummaryOptions,
  Task,
  TaskResult,
} from './benchmarks/result'
export { type CevalExtractor, type CevalOptions, ceval } from './benchmarks/tasks/ceval'
export type { ChoiceScoring } from './benchmarks/tasks/choice'
// Benchmarks
export { type CmexamExtractor, type CmexamOptions, cmexam, readCmexam } from './benchmarks/tasks/cmexam'
export { type CmmluOptions, cmmlu } from './benchmarks/tasks/cmmlu'
export {
  huatuo26m,
  type OpenAnswerOptions,
  type OpenQuestion,
  openAnswers,
  readOpenQuestions,
} from './benchmarks/tasks/open-answers'
export {
  type PreferencePair,
  type PreferencesOptions,
  preferences,
  readPreferences,
} from './benchmarks/tasks/preferences'
export { type SafetyOptions, type SafetyQuestion, safety } from './benchmarks/tasks/safety'
