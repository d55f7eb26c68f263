/** A tokenizer as this package uses it: the one of `@qilin-med/models`, or any object of this shape. */
export interface Tokenizer {
  /** Token ids of `text`. Special tokens that the tokenizer adds by itself (BOS, EOS) come only with `addSpecialTokens` (default true). */
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): ArrayLike<number>
  /** Text of `ids`. */
  decode(ids: ArrayLike<number>, options?: { readonly skipSpecialTokens?: boolean }): string
  readonly bosId?: number | undefined
  readonly eosId?: number | undefined
  readonly padId?: number | undefined
  /** Text of a token, such as `</s>` for `eosId`; TRL adds it to plain text rows. */
  idToToken?(id: number): string | undefined
  /** Largest id plus one; decides whether token shards need two or four bytes per id. */
  readonly vocabularySize?: number | undefined
}

/** Options with which a conversation is rendered. */
export interface ChatRenderOptions {
  /** Ends with the header of an assistant turn. */
  readonly addGenerationPrompt?: boolean
  /** Leaves the last message open. */
  readonly continueFinalMessage?: boolean
  readonly tools?: readonly unknown[]
  /** Further variables of the template, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>
}

/** A conversation as text and ids; `assistantMask` is 1 for tokens of the assistant where the template marks them. */
export interface RenderedConversation {
  readonly text: string
  readonly ids: ArrayLike<number>
  readonly assistantMask: Uint8Array | undefined
}

/** A tokenizer with a chat template. */
export interface ChatTokenizer extends Tokenizer {
  applyChatTemplate(messages: readonly Message[], options?: ChatRenderOptions): RenderedConversation
}

/** One message of a conversation. */
export type Message = {
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
  /** True when the row was changed and kept; such faults are counted apart. */
  readonly kept?: boolean | undefined
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
  /** Rows changed and kept, by what was changed. */
  readonly changed: Readonly<Record<string, number>>
  /** First examples of what was left out or changed. */
  readonly examples: readonly Fault[]
}

/** Progress of a long call; `total` is absent while unknown. */
export interface Progress {
  readonly stage: string
  readonly done: number
  readonly total?: number | undefined
  readonly unit: 'rows' | 'bytes' | 'tokens' | 'pairs' | 'tasks'
}
