import { type QilinSftOptions, qilinConversation } from '../qilin/sft'
import { type Converted, drop } from '../sources/source'
import { commonLength } from '../trl/formats'
import { type TruncationMode, truncate } from '../trl/sft'
import { type ChatTokenizer, ignoreIndex, type Message, type Tokenizer, type TokenRow } from '../types'

/** Turns the messages of a conversation into ids with labels, or says why there is no row. */
export type Formatter = (messages: readonly Message[]) => Converted<TokenRow>

/** Options of `plainFormat`. */
export interface PlainOptions {
  readonly tokenizer: Tokenizer
  /** The text that stands for a user or system message, up to where the answer begins. */
  readonly prompt: (message: Message, index: number) => string
  /** Tokens of the row; longer rows are cut (default: any). */
  readonly maxLength?: number | undefined
  readonly truncationMode?: TruncationMode | undefined
  /** Labels also on the prompts (default false). */
  readonly trainOnPrompt?: boolean | undefined
}

/**
 * Rows without a chat template: each prompt as the function writes it, each answer followed by the EOS id; labels on answers and their
 * EOS. The tokenizer's own special tokens come once, at the beginning. Prompts and answers are tokenised apart.
 */
export const plainFormat =
  ({ tokenizer, prompt, maxLength, truncationMode = 'keep_start', trainOnPrompt = false }: PlainOptions): Formatter =>
  (messages) => {
    const ids: number[] = []
    const labels: number[] = []
    for (const [index, message] of messages.entries()) {
      const answer = message.role === 'assistant'
      const own = Array.from(
        tokenizer.encode(answer ? message.content : prompt(message, index), { addSpecialTokens: index === 0 }),
      )
      if (index === 0 && own.at(-1) === tokenizer.eosId) own.pop()
      if (answer && tokenizer.eosId !== undefined) own.push(tokenizer.eosId)
      ids.push(...own)
      labels.push(...(answer || trainOnPrompt ? own : own.map(() => ignoreIndex)))
    }
    return cut({ inputIds: Int32Array.from(ids), labels: Int32Array.from(labels) }, maxLength, truncationMode)
  }

/** Options of `chatFormat`. */
export interface ChatFormatOptions {
  readonly tokenizer: ChatTokenizer
  readonly maxLength?: number | undefined
  readonly truncationMode?: TruncationMode | undefined
  readonly trainOnPrompt?: boolean | undefined
}

/**
 * Rows by the tokenizer's chat template; labels on what the assistant says. Where the template marks generated text, its marks are used; where
 * it does not, each answer is found as what the conversation has beyond itself without that answer.
 */
export const chatFormat =
  ({ tokenizer, maxLength, truncationMode = 'keep_start', trainOnPrompt = false }: ChatFormatOptions): Formatter =>
  (messages) => {
    const { ids, assistantMask } = tokenizer.applyChatTemplate(messages)
    const inputIds = Int32Array.from(ids)
    const mask = trainOnPrompt
      ? undefined
      : assistantMask?.includes(1)
        ? assistantMask
        : answersByDifference(messages, inputIds, tokenizer)
    return cut(
      { inputIds, labels: inputIds.map((id, index) => (mask && !mask[index] ? ignoreIndex : id)) },
      maxLength,
      truncationMode,
    )
  }

function answersByDifference(messages: readonly Message[], ids: Int32Array, tokenizer: ChatTokenizer): Uint8Array {
  const mask = new Uint8Array(ids.length)
  for (const [index, { role }] of messages.entries()) {
    if (role !== 'assistant') continue
    const before = tokenizer.applyChatTemplate(messages.slice(0, index), { addGenerationPrompt: true }).ids
    const after = tokenizer.applyChatTemplate(messages.slice(0, index + 1)).ids
    mask.fill(1, commonLength(before, ids), commonLength(after, ids))
  }
  return mask
}

/** Rows of the Qilin-Med SFT script. */
export const qilinFormat =
  (options: QilinSftOptions): Formatter =>
  (messages) =>
    qilinConversation(messages, options)

function cut({ inputIds, labels }: TokenRow, maxLength: number | undefined, mode: TruncationMode): Converted<TokenRow> {
  const row =
    maxLength === undefined
      ? { inputIds, labels }
      : { inputIds: truncate(inputIds, maxLength, mode), labels: truncate(labels, maxLength, mode) }
  return row.labels.some((label) => label !== ignoreIndex)
    ? { record: row }
    : drop('no-label', 'no token of an answer is left in the row')
}
