import type { Built, Corpus, ExamItem, OnFault, PreferencePair, Source, Tokenizer } from '@qilin-med/chimed'
import type { DocumentInput, Splitter } from '@qilin-med/rag'

/** A question with the answer one would like to hear. */
export interface Exchange {
  readonly question: string
  readonly answer: string
}

/** What is held back for evaluation. */
export interface TestData {
  /** Exam questions by split, such as `b` (told in CPT texts) and `c` (only in the knowledge base). */
  readonly exams: Readonly<Record<string, readonly ExamItem[]>>
  readonly dialogues: readonly Exchange[]
  /** Texts for perplexity by split. */
  readonly texts: Readonly<Record<string, readonly string[]>>
  readonly preferences: readonly PreferencePair[]
  /** Words whose presence in an answer is counted: diseases, findings, drugs. */
  readonly terms: readonly string[]
  /** What of the test files is not asked, and why, one phrase each. */
  readonly leftOut: readonly string[]
}

/** Lengths and rates of the three training stages. */
export interface StageSettings {
  readonly steps: number
  /** Rows of one micro-batch, and micro-batches of one step (1 by default): smaller ones take less memory. */
  readonly rows: number
  readonly accumulate?: number
  readonly rate: number
}

/** Everything the pipeline needs to know about the data it adapts a model to. */
export interface Domain {
  readonly name: string
  /** Said in the report: invented data must not be taken for medicine. */
  readonly notice: string
  /** The raw files by the sub-dataset that they stand for. */
  readonly corpora: Readonly<Record<Corpus, readonly Source[]>>
  /** Reads, converts, cleans, deduplicates, decontaminates and splits the raw files. `onFault` hears of every row left out. */
  build(options: { readonly out: string; readonly tokenizer: Tokenizer; readonly onFault: OnFault }): Promise<Built>
  tests(): Promise<TestData>
  /** Documents for retrieval beside the CPT corpus. */
  knowledge(): Promise<DocumentInput[]>
  /** What stands before an answer. @param context sentences put before the question */
  prompt(question: string, context?: readonly string[]): string
  /** An exam question with its options as a user asks it. */
  examQuestion(item: ExamItem): string
  /** What a question is about: questions about the same thing are drawn together for intervals. */
  examGroup(item: ExamItem): string
  /** The beginning of an answer that leads up to the text of an option; the same for every option. */
  answerStem(item: ExamItem): string
  /** The explanation in a generated answer. */
  explanationIn(answer: string): string
  /** What retrieval is asked for an exam question. */
  examQuery(item: ExamItem): string
  readonly rowLength: number
  readonly answerTokens: number
  readonly adapter: { readonly rank: number; readonly alpha: number }
  readonly cpt: StageSettings
  readonly sft: StageSettings
  readonly dpo: StageSettings
  /** Records a stage trains on, taken evenly from all sub-datasets, and most rows that they are packed into; all by default. */
  readonly recordsPerStage?: number
  /** Tokens of one batch when continuations are scored; bounds memory for large vocabularies. */
  readonly scoreTokens: number
  /** Answers generated at once. */
  readonly generationRows: number
  /** Most tokens of their prompts, padding included; bounds memory for long ones. The library's bound by default. */
  readonly generationTokens?: number
  /** Most questions, texts and pairs of each test set; all by default. */
  readonly testLimit?: number
  /** Sentences given to the model from retrieval, and how they are cut. */
  readonly retrieval: { readonly hits: number; readonly splitter: Splitter }
}
