/** A tool call of an assistant message, as OpenAI and Transformers write it. */
export interface ToolCall {
  readonly id?: string
  readonly type?: 'function'
  readonly function: { readonly name: string; readonly arguments: unknown }
}

/** One turn of a conversation. Keys that a template knows may be added; null and undefined values count as absent. */
export interface ChatMessage {
  readonly role: string
  readonly content?: string | null | readonly Readonly<Record<string, unknown>>[]
  readonly tool_calls?: readonly ToolCall[] | null
  /** Chain of thought; `reasoning` and `thinking` are other names of it. */
  readonly reasoning_content?: string | null
  readonly [key: string]: unknown
}

/** How a conversation is rendered. */
export interface ChatOptions {
  /** Ends with the header of an assistant turn. */
  readonly addGenerationPrompt?: boolean
  /** Leaves the last message open (its content, or the field named), so that the model goes on with it. */
  readonly continueFinalMessage?: boolean | string
  /** JSON schemas of tools on offer. */
  readonly tools?: readonly unknown[]
  readonly documents?: readonly unknown[]
  /** Further variables of the template, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>
  /** Another template than the tokenizer's own. */
  readonly template?: string
  /** Encodes control tokens inside messages as ordinary text; false by default, as in Transformers. */
  readonly sanitizeControlTokens?: boolean
  /** Time that `strftime_now` tells; templates that ask for it fail without. */
  readonly now?: Date
}

/** A rendered conversation. */
export interface RenderedChat {
  readonly text: string
  /** Token ids of `text`; a template writes its own BOS, so none is added. */
  readonly ids: number[]
  /** 1 for tokens of the assistant's generation blocks; undefined when the template marks none. */
  readonly assistantMask: Uint8Array | undefined
}
