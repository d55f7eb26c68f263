import { ChatTemplateError } from './errors'
import type { ChatMessage } from './types'

/** Names under which a message's chain of thought is given; the first is the one that templates read. */
const reasoningNames = ['reasoning_content', 'thinking', 'reasoning'] as const

/** What a message is cut at when the model shall continue it. */
const endMark = 'CONTINUE_FINAL_MESSAGE_TAG '

/** Messages as templates get them: keys without a value left out, the chain of thought under both names. */
export const preparedMessages = (messages: readonly ChatMessage[]): ChatMessage[] => {
  if (messages.length === 0) throw refused('at least one message, got none', 'Give the conversation.')
  return messages.map((message) => {
    const entries = Object.entries(message).filter(([, value]) => value !== null && value !== undefined)
    const given = Object.fromEntries(entries) as ChatMessage
    const reasoning = reasoningNames.map((name) => given[name]).find((value) => value !== undefined)
    return reasoning === undefined ? given : { thinking: reasoning, ...given, reasoning_content: reasoning as string }
  })
}

/** Messages whose last one carries a mark at the end of what is to be continued, and that text. */
export const openLastMessage = (
  messages: readonly ChatMessage[],
  { field, template }: { field: string; template: string },
): { messages: ChatMessage[]; text: string } => {
  const last = messages.at(-1)!
  const value = last[field]
  if (value === undefined)
    throw refused(`a last message with ${field} to continue, got none`, 'Add it or leave out continueFinalMessage.')
  const names = reasoningNames.some((name) => name === field)
    ? reasoningNames.filter((name) => last[name] === value)
    : [field]
  if (!names.some((name) => template.includes(name)))
    throw refused(`a chat template that reads ${field}, got one that does not`, 'Continue another field.')
  const opened = Array.isArray(value) ? openPart(value) : { value: `${String(value)}${endMark}`, text: String(value) }
  const changed = Object.fromEntries(names.map((name) => [name, opened.value]))
  return { messages: [...messages.slice(0, -1), { ...last, ...changed }], text: opened.text }
}

/** The rendered text up to where the model goes on. */
export const cutAtMark = (rendered: string, text: string): string => {
  const at = rendered.lastIndexOf(endMark.trimEnd())
  if (at < 0 || !rendered.includes(text.trim()))
    throw refused(
      'a chat template that keeps the last message, got one that changes or drops it',
      'Leave out continueFinalMessage.',
    )
  // A template that trims its messages has also cut the space behind the mark.
  return rendered.startsWith(endMark, at) ? rendered.slice(0, at) : rendered.slice(0, at).trimEnd()
}

const openPart = (parts: readonly unknown[]): { value: unknown; text: string } => {
  const index = parts.findLastIndex((part) => typeof (part as { text?: unknown } | null)?.text === 'string')
  if (index < 0)
    throw refused('a last message with a text part to continue, got none', 'Add one or leave out continueFinalMessage.')
  const part = parts[index] as { text: string }
  return { value: parts.with(index, { ...part, text: part.text + endMark }), text: part.text }
}

/** Error of a conversation that cannot be rendered. */
export const refused = (expected: string, advice: string): ChatTemplateError =>
  new ChatTemplateError('chat-refused', `applyChatTemplate: expected ${expected}. ${advice}`)
