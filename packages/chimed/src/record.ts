import type { ChimedRecord, Conversation, CptText, Message, PreferencePair } from './types'

/** The corpora of the paper: pre-training text, conversations, preferences. */
export type Corpus = 'cpt' | 'sft' | 'dpo'

/** The corpus that a record belongs to. */
export const corpusOf = (record: ChimedRecord): Corpus =>
  'text' in record ? 'cpt' : 'messages' in record ? 'sft' : 'dpo'

/** All text of a record, in order, one part a line: what is compared, counted and checked for leaks. */
export function textOf(record: ChimedRecord): string {
  if ('text' in record) return record.text
  if ('messages' in record) return record.messages.map(({ content }) => content).join('\n')
  return [...(record.history ?? []).map(({ content }) => content), record.prompt, record.chosen, record.rejected].join(
    '\n',
  )
}

/** The record with every text in it replaced by `change` of it. */
export function mapTexts<T extends ChimedRecord>(record: T, change: (text: string) => string): T {
  const messages = (list: readonly Message[]): Message[] =>
    list.map((message) => ({ ...message, content: change(message.content) }))
  if ('text' in record) return { ...record, text: change(record.text) }
  if ('messages' in record) return { ...record, messages: messages(record.messages) }
  const pair = record as PreferencePair
  return {
    ...pair,
    prompt: change(pair.prompt),
    chosen: change(pair.chosen),
    rejected: change(pair.rejected),
    ...(pair.history && { history: messages(pair.history) }),
  } as T
}

/** The texts of a record that must hold something: its text, its messages, or prompt and completions. */
export const partsOf = (record: ChimedRecord): readonly string[] =>
  'text' in record
    ? [record.text]
    : 'messages' in record
      ? record.messages.map(({ content }) => content)
      : [record.prompt, record.chosen, record.rejected]

/** True when a part that must hold text is blank. */
export function hasBlank(record: ChimedRecord): boolean {
  const parts = partsOf(record)
  return parts.length === 0 || parts.some((part) => part.trim() === '')
}

/** How speakers are named where a conversation is written as plain text. */
export interface SpeakerNames {
  readonly user: string
  readonly assistant: string
}

/** A conversation as one plain text for pre-training: a line per message, `患者：…` and `医生：…` unless named otherwise. */
export function conversationText(
  { messages, origin }: Conversation,
  { user, assistant }: SpeakerNames = { user: '患者：', assistant: '医生：' },
): CptText {
  const text = messages
    .map(({ role, content }) => (role === 'user' ? user : role === 'assistant' ? assistant : '') + content)
    .join('\n')
  return origin ? { text, origin } : { text }
}
