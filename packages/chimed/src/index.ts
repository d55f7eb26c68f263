export { ChimedError, type ChimedErrorCode, isChimedError } from './errors'
export { type FaultLog, faultLog, stepReport } from './faults'
export { type CsvOptions, type CsvRecord, readCsv } from './read/csv'
export { type DetectedEncoding, detectEncoding, type TextEncoding } from './read/encoding'
export { type GroupedRow, readJson } from './read/json'
export { type ReadOptions, readJsonl } from './read/jsonl'
export { type OpenOptions, openBytes, openText, readText } from './read/open'
export { readParquet } from './read/parquet'
export { formatOf, type RowFormat, readRows } from './read/rows'
export { readLines, readParagraphs, textLoaderRows } from './read/text'
export { readXlsx } from './read/xlsx'
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
export * from './types'
