import type { ChatMessage, ChatOptions, RenderedChat } from '../chat/types'

/** Options of `encode`. */
export interface EncodeOptions {
  /** Adds what the tokenizer's own template adds, such as a BOS token; true by default. */
  readonly addSpecialTokens?: boolean
  /** Reads special tokens that stand in the text as ordinary text; false by default. */
  readonly splitSpecialTokens?: boolean
}

/** Options of `decode`. */
export interface DecodeOptions {
  /** Leaves special tokens out of the text; false by default. */
  readonly skipSpecialTokens?: boolean
}

/** How a text that is too long is cut. */
export interface Truncation {
  /** Tokens that stay, special tokens included. */
  readonly maxLength: number
  /** Which end is cut; `right` by default. */
  readonly side?: 'left' | 'right'
  /** Tokens that each piece of the overflow repeats from the piece before; 0 by default. */
  readonly stride?: number
  /** Which text of a pair is cut; `longest_first` by default. */
  readonly strategy?: 'longest_first' | 'only_first' | 'only_second'
}

/** How texts are brought to one length. */
export interface Padding {
  /** Length of all; the longest of the batch by default. */
  readonly length?: number
  readonly side?: 'left' | 'right'
  readonly multipleOf?: number
  /** Id that fills; the tokenizer's `padId` by default. */
  readonly id?: number
}

/** Options of `encodings`. */
export interface EncodingsOptions extends EncodeOptions {
  readonly truncation?: Truncation
  readonly padding?: Padding
}

/** A text, or a pair of texts, in tokens. */
export interface Encoding {
  readonly ids: number[]
  /**
   * Begin and end of each token in its text, flat, in UTF-16 units: token i is `text.slice(offsets[2 * i],
   * offsets[2 * i + 1])`. Tokens that a template or padding adds are [0, 0].
   */
  readonly offsets: number[]
  /** Segment ids as BERT-like models take them. */
  readonly typeIds: number[]
  /** 1 for tokens that the template added. */
  readonly specialTokensMask: number[]
  /** 0 for padding. */
  readonly attentionMask: number[]
  /** Text of a pair that each token belongs to, undefined for added tokens. */
  readonly sequenceIds: (0 | 1 | undefined)[]
  /** What truncation cut off, in pieces of the same maximal length. */
  readonly overflow: Encoding[]
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
  readonly bosToken: string | undefined
  readonly eosToken: string | undefined
  readonly padToken: string | undefined
  readonly unkToken: string | undefined
  /** Tokens that are cut out of the text whole, special ones among them, with their ids. */
  readonly addedTokens: ReadonlyMap<string, number>
  /** Ids left out by `skipSpecialTokens`. */
  readonly specialIds: ReadonlySet<number>
  /** `model_max_length` when it is a real limit. */
  readonly maxLength: number | undefined
  /** Jinja source of the chat template, undefined when the folder has none. */
  readonly chatTemplate: string | undefined

  encode(text: string, options?: EncodeOptions): number[]
  encodeBatch(texts: readonly string[], options?: EncodeOptions): number[][]
  /** One text with the place of every token. */
  encodeWithOffsets(text: string, options?: EncodeOptions): Encoding
  /** Texts or pairs of texts, cut and padded as asked. */
  encodings(inputs: readonly (string | readonly [string, string])[], options?: EncodingsOptions): Encoding[]
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string
  streamDecoder(options?: DecodeOptions): StreamDecoder
  tokenToId(token: string): number | undefined
  idToToken(id: number): string | undefined

  /**
   * Ids of a conversation, ready to be continued by the model: `addGenerationPrompt` is true unless
   * `continueFinalMessage` is given.
   *
   * @throws ChatTemplateError `no-chat-template`, or `chat-refused` when the template refuses the conversation
   */
  chat(messages: readonly ChatMessage[], options?: ChatOptions): number[]
  /** A conversation as text, ids and mask of the assistant's tokens; `addGenerationPrompt` is false by default. */
  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatOptions): RenderedChat
}
