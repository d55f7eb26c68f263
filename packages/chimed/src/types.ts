/** A tokenizer as this package uses it. `@qilin-med/models` returns one; any object of this shape will do. */
export interface Tokenizer {
  /** Token ids of `text`. Special tokens that the tokenizer adds by itself (BOS, EOS) come only with `addSpecialTokens` (default true). */
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): ArrayLike<number>
  /** Text of `ids`. */
  decode(ids: ArrayLike<number>, options?: { readonly skipSpecialTokens?: boolean }): string
  readonly bosId?: number | undefined
  readonly eosId?: number | undefined
  readonly padId?: number | undefined
  /** Text of the end token, such as `</s>`; TRL adds it to plain text rows. */
  readonly eosToken?: string | undefined
  /** Largest id plus one; decides whether token shards need two or four bytes per id. */
  readonly vocabSize?: number | undefined
}

/** One message of a conversation. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string
}

/** Where a record came from; kept through every step so that a report can name it. */
export interface Origin {
  /** Sub-dataset, named as in the tables of the paper (`CMExam`, `Xywy-KG`, ...). */
  readonly source: string
  /** File the row was read from, relative to the folder given by the caller. */
  readonly file?: string | undefined
  /** Line (text formats) or row (Parquet, spreadsheets, JSON arrays) of that file, from 1. */
  readonly line?: number | undefined
  /** `test` and `validation` rows never reach training data or an index. */
  readonly split?: Split | undefined
  /** Anything a converter wants to keep beside the text (`department`, `answer`, ...). */
  readonly meta?: Readonly<Record<string, string>> | undefined
}

/** Part of a data set that a row belongs to. */
export type Split = 'train' | 'validation' | 'test'

/** One document for continued pre-training. */
export interface CptText {
  readonly text: string
  readonly origin?: Origin | undefined
}

/** One conversation for supervised fine-tuning: an optional system message, then user and assistant by turns. */
export interface Conversation {
  readonly messages: readonly Message[]
  readonly origin?: Origin | undefined
}

/** One preference triple for DPO. `history` holds the turns before the prompt, if any. */
export interface PreferencePair {
  readonly prompt: string
  readonly chosen: string
  readonly rejected: string
  readonly history?: readonly Message[] | undefined
  readonly origin?: Origin | undefined
}

/** A record of one of the three corpora. */
export type ChimedRecord = CptText | Conversation | PreferencePair

/** Label of a token that does not count in the loss. */
export const ignoreIndex = -100

/** One training row: token ids and, per token, the label (the id itself, or -100 where it does not count). */
export interface TokenRow {
  readonly inputIds: Int32Array
  readonly labels: Int32Array
  /** Lengths of the samples packed into this row, in order; absent when the row is one sample or one stream. */
  readonly seqLengths?: readonly number[] | undefined
}

/** One preference row: ids of the shared prompt and of both completions (EOS included). */
export interface PreferenceRow {
  readonly promptIds: Int32Array
  readonly chosenIds: Int32Array
  readonly rejectedIds: Int32Array
}

/** A row as it came from a file. `line` counts from 1: lines for text formats, rows for Parquet, spreadsheets and JSON arrays. */
export interface Row<T = unknown> {
  readonly value: T
  readonly file: string
  readonly line: number
}

/** Why one row was left out. `code` is stable and groups the counts; `excerpt` is the beginning of the row. */
export interface Fault {
  readonly code: string
  readonly reason: string
  readonly file: string
  readonly line: number
  readonly excerpt?: string | undefined
}

/** Where readers, converters and filters report what they leave out. `faultLog()` makes one that counts. */
export type OnFault = (fault: Fault) => void

/** What a step did: rows in, rows out, and why the others were left out. */
export interface StepReport {
  readonly name: string
  readonly input: number
  readonly output: number
  /** Rows left out, by reason. */
  readonly dropped: Readonly<Record<string, number>>
  /** First examples of what was left out or changed. */
  readonly examples: readonly Fault[]
}

/** Progress of a long call; `total` is absent while unknown. */
export interface Progress {
  readonly stage: string
  readonly done: number
  readonly total?: number | undefined
  readonly unit: 'rows' | 'bytes' | 'tokens' | 'pairs'
}
