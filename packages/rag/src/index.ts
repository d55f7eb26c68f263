// Retrieve

// Neighbours
export {
  type LangChainConfig,
  type LangChainDocument,
  type LangChainRetriever,
  type LangChainRunnable,
  type LangChainStep,
  toLangChain,
} from './adapters/langchain'
export {
  type LlamaIndexHit,
  type LlamaIndexNode,
  type LlamaIndexQuery,
  type LlamaIndexRetriever,
  toLlamaIndex,
} from './adapters/llamaindex'
export { type Bm25, type Bm25Options, type Bm25Report, type Bm25Settings, bm25 } from './bm25/bm25'
export { type DecodeBm25Options, decodeBm25 } from './bm25/decode'
export { encodeBm25 } from './bm25/encode'
export type { Postings } from './bm25/postings'
export type { Bm25Parameters, Bm25Variant } from './bm25/variants'
export type { Vocabulary } from './bm25/vocabulary'
export { type Chunk, type ChunkingOptions, chunk, chunkDocument } from './chunk/chunk'
export { type CountingTokenizer, countCharacters, estimateTokens } from './chunk/measure'
export { type MedicalGptOptions, medicalGptSplitter } from './chunk/medicalgpt'
export { type Span, sentences } from './chunk/sentences'
export { type ChunkOptions, type Piece, type Splitter, sentenceSplitter } from './chunk/splitter'
export { type Dense, type DenseOptions, dense, denseOver } from './dense/dense'
// Embed and store vectors
export type { Embedder, EmbedOptions, TextKind } from './dense/embedder'
export { type MemoryStoreOptions, memoryStore } from './dense/memory-store'
export type { ScanKernel } from './dense/scan'
export {
  bgeChinese,
  type FeatureExtraction,
  type TransformersEmbedderOptions,
  transformersEmbedder,
} from './dense/transformers-embedder'
export type { VectorRecord, VectorSearchOptions, VectorStore, Where } from './dense/vector-store'
export type { AdmitOptions, IndexReport } from './documents/admit'
export { contentHash, contentHashRule } from './documents/content-hash'
// Documents, splits, chunks
export type { Document, DocumentInput, Documents, Metadata, Part } from './documents/document'
export {
  type Refusal,
  SplitError,
  type SplitGuard,
  type SplitGuardOptions,
  type SplitManifest,
  type SplitManifestFile,
  splitGuard,
  splitManifest,
} from './documents/split-guard'
// Errors
export { isRagError, RagError, type RagErrorCode, type RagErrorFields } from './errors'
// Evaluate
export { type EvaluateOptions, evaluateRetriever, type JudgedQuery } from './evaluate/evaluate-retriever'
export { type NdcgOptions, ndcg } from './evaluate/ndcg'
export {
  defaultMeasures,
  type Evaluation,
  type Judgements,
  type Run,
  type TrecOptions,
  trecEval,
} from './evaluate/trec'
// Combine retrievers
export { type FusedHit, type FusedRetriever, type FuseOptions, fuse, medicalGptFusion } from './fuse/fuse'
export { type MmrOptions, type MmrRetrieverOptions, maximalMarginalRelevance, mmr } from './fuse/mmr'
export { type RankFusionOptions, reciprocalRankFusion } from './fuse/rank-fusion'
export { type RerankOptions, rerank, type Scorer } from './fuse/rerank'
// Ground a model
export {
  type AnswerModel,
  type AnswerOptions,
  type AnswerPart,
  answer,
  collected,
  type GenerationOptions,
  type GroundedAnswer,
  type ModelText,
} from './prompt/answer'
export type { Budget } from './prompt/fit'
export { type MedicalGptPromptOptions, medicalGptPrompt } from './prompt/medicalgpt'
export { researchNotice } from './prompt/notice'
export {
  type GroundedPrompt,
  type NumberedPromptOptions,
  numberedPrompt,
  type PromptBuilder,
  type Source,
} from './prompt/prompt'
export { defaultHits, type Hit, type RetrieveOptions, type Retriever } from './retriever'
export { type BigramOptions, bigrams } from './tokenize/bigrams'
export { type JiebaOptions, jieba, jiebaWords } from './tokenize/jieba'
// Tokenise
export type { TextTokenizer } from './tokenize/tokenizer'
