// Read documents from files

// Keep indexes in files
export { loadBm25, saveBm25 } from './node/bm25-file'
export type { TextEncoding } from './node/decode-text'
export type { DocumentFiles, Fault, OnFault, ReadReport } from './node/faults'
export { type FileStoreOptions, fileStore } from './node/file-store'
export { type JsonRow, type ReadJsonlOptions, readJsonl } from './node/read-jsonl'
export { type ReadMarkdownOptions, readMarkdown } from './node/read-markdown'
export type { ReadOptions } from './node/read-text'
export { type ReadTextOptions, readText } from './node/read-text'
export { readSplitManifest, writeSplitManifest } from './node/split-manifest'
