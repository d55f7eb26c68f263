import type { ChatMessage, ChatOptions, RenderedChat } from '../chat/types'

/** Options of `encode`. */
export interface EncodeOptions {
  /** Adds what the tokenizer's own template adds, such as a BOS token; true by default. */
  readonly addSpecialTokens?: boolean
}

/** Options of `decode`. */
export interface DecodeOptions {
  /** Leaves special tokens out of the text; false by default. */
  readonly skipSpecialTokens?: boolean
}

/** A text in tokens, with the place of each. */
export interface Encoding {
  readonly ids: number[]
  /**
   * Begin and end of each token in the text, flat, in UTF-16 units: token i is `text.slice(offsets[2 * i],
   * offsets[2 * i + 1])`. Tokens added by a template are [0, 0].
   */
  readonly offsets: Int32Array
}

/** Text that grows with every token, without broken characters. */
export interface StreamDecoder {
  /** Text that this token completes; empty while a character is unfinished. */
  push(id: number): string
  /** What is left at the end: a character that was never finished becomes U+FFFD. */
  end(): string
}

/** Turns text into token ids and back. Everything is synchronous; ids are plain numbers. */
export interface Tokenizer {
  /** Ids are 0 to `vocabularySize - 1`, added tokens included. A model's embedding may have more rows. */
  readonly vocabularySize: number
  readonly bosId: number | undefined
  readonly eosId: number | undefined
  readonly padId: number | undefined
  readonly unkId: number | undefined
  /** Ids left out by `skipSpecialTokens`. */
  readonly specialIds: ReadonlySet<number>
  /** `model_max_length` when it is a real limit. */
  readonly maxLength: number | undefined
  /** Jinja source of the chat template, undefined when the folder has none. */
  readonly chatTemplate: string | undefined

  encode(text: string, options?: EncodeOptions): number[]
  encodeBatch(texts: readonly string[], options?: EncodeOptions): number[][]
  encodeWithOffsets(text: string, options?: EncodeOptions): Encoding
  decode(ids: Iterable<number>, options?: DecodeOptions): string
  streamDecoder(options?: DecodeOptions): StreamDecoder
  tokenToId(token: string): number | undefined
  idToToken(id: number): string | undefined

  /**
   * Ids of a conversation, ready to be continued by the model: `addGenerationPrompt` is true unless
   * `continueFinalMessage` is given.
   *
   * @throws TokenizerError `no-chat-template`, ChatTemplateError when the template refuses the conversation
   */
  chat(messages: readonly ChatMessage[], options?: ChatOptions): number[]
  /** A conversation as text, ids and mask of the assistant's tokens; `addGenerationPrompt` is false by default. */
  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatOptions): RenderedChat
}
