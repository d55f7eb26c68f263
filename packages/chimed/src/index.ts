export { isArchive, type Unpacked, type UnpackOptions, unpack } from './archive/unpack'
export {
  asText,
  type BuildOptions,
  type Built,
  type BuiltCorpora,
  build,
  buildCorpora,
} from './build'
export type { BuildReport, SourceReport, TokenReport } from './build-report'
export { type NgramModel, type NgramModelOptions, ngramModelOf, trainNgramModel } from './clean/ngram-model'
export { type NormaliseOptions, normaliseText, type Script, scriptConverter, skeleton } from './clean/normalise'
export { type MaskedText, maskPersonalData, type PersonalData, type PersonalDataOptions } from './clean/personal-data'
export { type QualityOptions, quality, type TextMeasures, textMeasures } from './clean/quality'
export { type SafetyOptions, type SafetyRule, safety, safetyRules } from './clean/safety'
export { maskPersonal, normalise, script } from './clean/steps'
export * as dedup from './dedup'
export {
  type Banding,
  bandsForRecall,
  candidateProbability,
  falseNegativeArea,
  falsePositiveArea,
  type OptimalBandsOptions,
  optimalBands,
} from './dedup/bands'
export { type Components, clusters, components, connectedComponents, rootsOf } from './dedup/components'
export { type DecontaminateOptions, type DecontaminationReport, decontaminate } from './dedup/decontaminate'
export { digest, exactDuplicates } from './dedup/exact'
export type { Keep, KeepBySource, Scope } from './dedup/keep'
export { type BandInput, bandKeys, type JoinedBands, joinBands } from './dedup/lsh'
export { affinePermutations, estimateJaccard, type MinHashKernel, type MinHashOptions, minHash } from './dedup/minhash'
export {
  type AffineFactors,
  type MinHashScheme,
  minHashOf,
  textDedupBand,
  textDedupShingles,
} from './dedup/minhash-schemes'
export {
  type NearDuplicates,
  type NearOptions,
  nearDuplicates,
  nearDuplicatesBetween,
  type Verification,
  verifyPairs,
} from './dedup/near'
export { characterGrams, editDistance, editSimilarity, jaccard } from './dedup/similarity'
export type { ClusterMember, ClusterReport, DedupReport, ExactOptions, MinhashStepOptions } from './dedup/steps'
export {
  duplicatedBytes,
  duplicatedTokens,
  type MergeStrategy,
  mergeRanges,
  removeDuplicatedText,
  removeDuplicatedTokens,
  type SubstringOptions,
  type SubstringRanges,
  type SubstringResult,
  wholeCharacters,
} from './dedup/substring'
export { maxSuffixBytes, suffixArray } from './dedup/suffix'
export {
  countBits,
  type DuplicatedWindows,
  duplicatedRanges,
  duplicatedWindows,
  maxWindowBytes,
  type Range,
  type Symbols,
  type WindowOptions,
  windowRanges,
} from './dedup/windows'
export { jiebaWords, type WordCutter, wordItems } from './dedup/words'
export {
  decodeGb18030,
  encodeGb18030,
  encodeGbk,
  Gb18030Error,
  type Gb18030Options,
  type MalformedPolicy,
} from './encoding/gb18030'
export { ChimedError, type ChimedErrorCode, isChimedError } from './errors'
export { type Exported, type ExportLayout, type ExportOptions, exportCorpus } from './export/export'
export { dataJuicerConfig, datatrovePipeline, type MinhashSettings } from './export/programs'
export { type FaultLog, faultLog, stepReport } from './faults'
export {
  type CptRowOptions,
  cptRows,
  type DpoRowOptions,
  dpoRows,
  type RecordRows,
  type RowOptions,
  type SftRowOptions,
  sftRows,
} from './format/rows'
export {
  type ChatFormatOptions,
  chatFormat,
  type Formatter,
  type PlainOptions,
  plainFormat,
  qilinFormat,
} from './format/template'
export { type HubDataset, type HubOptions, hubDataset } from './hub/dataset'
export { type ContentDigest, type DownloadOptions, download } from './hub/download'
export { type BestFitOptions, joinRows, packBestFit } from './pack/best-fit'
export { type BlockOptions, packBlocks, packBlocksOf, qilinBlocks, type Tail, wrappedBlocks } from './pack/blocks'
export { mapBatchRows, type Packing, pack, packBatch } from './pack/pack'
export {
  type QilinPair,
  type QilinPairOptions,
  type QilinPairTokens,
  qilinKeepsPair,
  qilinPairTokens,
  qilinPrompt,
} from './qilin/dpo'
export {
  type QilinSftOptions,
  type QilinSftRow,
  type QilinSkip,
  type QilinTurn,
  qilinSftRow,
  qilinTurns,
  toQilinTurns,
} from './qilin/sft'
export { readCpt, readDpo, readSft } from './read/corpora'
export { type CsvOptions, type CsvRecord, readCsv } from './read/csv'
export { type DetectedEncoding, detectEncoding, type TextEncoding } from './read/encoding'
export { type GroupedRow, readJson } from './read/json'
export { type ReadOptions, readJsonl } from './read/jsonl'
export { type OpenOptions, openBytes, openText, readText } from './read/open'
export { readParquet } from './read/parquet'
export { formatOf, type RowFormat, readRows } from './read/rows'
export { scanJsonlField } from './read/scan'
export { readLines, readParagraphs, textLoaderRows } from './read/text'
export { openTokenShard, type TokenShard } from './read/token-shard'
export { readXlsx } from './read/xlsx'
export { type Corpus, conversationText, corpusOf, mapTexts, type SpeakerNames, textOf } from './record'
export { type DataCardOptions, dataCard, type SourceLicence, writeDataCard } from './report/data-card'
export { type DataReportOptions, dataReport, type ReportedData, writeDataReport } from './report/data-report'
export { type DuplicatePair, duplicatesBySources } from './shard/duplicates'
export { mergeShards } from './shard/merge'
export type { CutOptions } from './shard/plan'
export { runShard, type ShardOptions } from './shard/run'
export type { Shard } from './shard/stage'
export * as sources from './sources'
export { answerText, type ExamItem, examConversation, examItem, optionLines } from './sources/cmexam'
export { conversationOf, roleOf } from './sources/conversation'
export { preferencesOf } from './sources/preference'
export {
  type Converted,
  type Drop,
  defineSource,
  drop,
  filesBelow,
  type Source,
  type SourceDefinition,
  type SourceOptions,
  type SourceReadOptions,
} from './sources/source'
export {
  fingerprint,
  readSplitManifest,
  refuseTest,
  type SplitManifest,
  type SplitOptions,
  type SplitRecords,
  splitManifest,
  splitOf,
  splitRecords,
  testGuard,
} from './split'
export {
  type LengthHistogram,
  mergeLengths,
  mergeStatistics,
  type SourceStatistics,
  type StatisticsCounter,
  type StatisticsOptions,
  statistics,
  statisticsCounter,
  totals,
} from './statistics'
export { type OnDrop, type RowOutcome, rowStep, runSteps, type Step, type StepContext, type StepResult } from './step'
export type { TestItem, TestSet } from './tests'
export * as tests from './tests'
export type { TokenOptions } from './tokens/options'
export { type TokenRowOptions, type TokenRows, tokenRows } from './tokens/read'
export type { TokenIndex, TokenShardEntry } from './tokens/write'
export {
  type LanguageModelingBatch,
  type LanguageModelingOptions,
  languageModelingBatch,
  type PreferenceBatch,
  type PreferenceBatchOptions,
  preferenceBatch,
} from './trl/collate'
export { prepareDpo, type TrlDpoOptions, type TrlDpoResult } from './trl/dpo'
export {
  applyChatTemplate,
  extractPrompt,
  isConversational,
  isConversationalFromValue,
  maybeApplyChatTemplate,
  maybeExtractPrompt,
  type TrlExample,
  type TrlMessage,
  toChatMl,
  unpairPreferences,
} from './trl/formats'
export {
  prepareSft,
  type TrlSftOptions,
  type TrlSftResult,
  type TrlSftRow,
  type TruncationMode,
  truncateRow,
} from './trl/sft'
export * from './types'
export {
  writeCptText,
  writeMessagesJsonl,
  writePreferenceJsonl,
  writePromptCompletionJsonl,
  writeQilinDpo,
  writeQilinSft,
  writeTextJsonl,
  writeUnpairedJsonl,
} from './write/corpora'
export { type FileWriter, fileWriter, writeFileWhole, writePieces } from './write/file'
export { type ParquetOptions, type ParquetShards, writeParquetShards } from './write/parquet'
export { type SideFiles, sideFiles } from './write/side-files'
export {
  type ShardRow,
  type TokenShardHeader,
  type TokenShardOptions,
  type TokenShardWriter,
  tokenShardWriter,
} from './write/token-shard'
