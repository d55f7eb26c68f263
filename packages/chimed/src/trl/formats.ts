import { ChimedError } from '../errors'
import type { ChatRenderOptions, ChatTokenizer, Message } from '../types'

/** A message as data sets for TRL hold it; further keys (`tool_calls`, ...) belong to the chat template. */
export type TrlMessage = { readonly role: string; readonly content?: unknown; readonly [key: string]: unknown }

/** Text, or messages. */
export type TrlText = string | readonly TrlMessage[]

/** A record in any of TRL's formats. */
export interface TrlExample {
  readonly text?: string
  readonly messages?: readonly TrlMessage[]
  readonly prompt?: TrlText
  readonly completion?: TrlText
  readonly chosen?: TrlText
  readonly rejected?: TrlText
  readonly label?: boolean
  readonly tools?: readonly unknown[] | string | null
  readonly chat_template_kwargs?: Readonly<Record<string, unknown>>
  readonly [key: string]: unknown
}

/** True when the first of `prompt`, `chosen`, `rejected`, `completion`, `messages` that is there holds messages with roles. */
export function isConversational(example: TrlExample): boolean {
  const key = ['prompt', 'chosen', 'rejected', 'completion', 'messages'].find((name) => example[name] !== undefined)
  return key !== undefined && firstHas(example[key], 'role')
}

/** True for `conversations` in the `from`, `value` layout. */
export const isConversationalFromValue = (example: TrlExample): boolean =>
  firstHas(example.conversations, 'from') && firstHas(example.conversations, 'value')

function firstHas(list: unknown, key: string): boolean {
  const first: unknown = Array.isArray(list) ? list[0] : undefined
  return typeof first === 'object' && first !== null && key in first
}

/** The record with `from`, `value` renamed to `role`, `content` and `conversations` to `messages`. */
export function toChatMl(example: TrlExample): TrlExample {
  const converted: Record<string, unknown> = { ...example }
  for (const key of ['prompt', 'completion', 'chosen', 'rejected', 'messages', 'conversations']) {
    if (Array.isArray(converted[key])) converted[key] = (converted[key] as unknown[]).map(renamed)
  }
  if ('conversations' in converted) {
    converted.messages = converted.conversations
    delete converted.conversations
  }
  return converted as TrlExample
}

function renamed(message: unknown): unknown {
  if (typeof message !== 'object' || message === null) return message
  const { from, value, ...rest } = message as Record<string, unknown>
  return { ...rest, ...(from !== undefined && { role: from }), ...(value !== undefined && { content: value }) }
}

/** Prompt and completions of a preference record. */
export interface ExtractedPrompt {
  readonly prompt: TrlText
  readonly chosen: TrlText
  readonly rejected: TrlText
}

/**
 * The common beginning of chosen and rejected as prompt. As in TRL, a space before the first difference goes to the completions, two
 * equal completions keep their last element, and (a quirk) a difference at the very beginning looks at the last element for that space.
 *
 * @throws ChimedError `row` when one of them is empty: TRL fails there too
 */
export function extractPrompt({
  chosen,
  rejected,
}: {
  readonly chosen: TrlText
  readonly rejected: TrlText
}): ExtractedPrompt {
  const a = elements(chosen)
  const b = elements(rejected)
  const shorter = Math.min(a.length, b.length)
  if (shorter === 0)
    throw new ChimedError('row', 'extractPrompt: expected two completions, got an empty one. Leave the row out.')
  let index = 0
  while (index < shorter && same(a[index], b[index])) index++
  if (index === shorter) index = shorter - 1
  else if (a.at(index - 1) === ' ') index--
  const cut = (all: readonly unknown[], source: TrlText, start: number, end?: number): TrlText =>
    typeof source === 'string' ? all.slice(start, end).join('') : (all.slice(start, end) as TrlMessage[])
  return { prompt: cut(a, chosen, 0, index), chosen: cut(a, chosen, index), rejected: cut(b, rejected, index) }
}

const elements = (text: TrlText): readonly unknown[] => (typeof text === 'string' ? Array.from(text) : text)

/** Equality of JSON values, whatever the order of keys. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
  )
}

/** The record with an explicit prompt: unchanged when it has one of the same kind as its completions, or is no preference record. */
export function maybeExtractPrompt(example: TrlExample): TrlExample {
  const { prompt, chosen, rejected } = example
  if (chosen === undefined || rejected === undefined) return example
  if (prompt !== undefined && isConversational({ chosen }) === isConversational({ prompt })) return example
  return { ...extractPrompt({ chosen, rejected }) }
}

/** Two records with a completion and a label for each preference record: all chosen ones first, then all rejected ones. */
export function unpairPreferences(examples: readonly TrlExample[]): TrlExample[] {
  const half = (key: 'chosen' | 'rejected'): TrlExample[] =>
    examples.map(({ chosen: _chosen, rejected: _rejected, ...rest }, index) => ({
      ...rest,
      completion: examples[index]![key]!,
      label: key === 'chosen',
    }))
  return [...half('chosen'), ...half('rejected')]
}

/** Options of `applyChatTemplate`. */
export interface ApplyOptions {
  readonly tokenizer: ChatTokenizer
  readonly tools?: readonly unknown[] | undefined
}

/** Formats that `applyChatTemplate` knows, as sorted keys. */
const templated = new Set([
  'messages',
  'prompt',
  'completion,prompt',
  'chosen,prompt,rejected',
  'chosen,rejected',
  'completion,label,prompt',
])

/**
 * The record with its messages rendered to text: `messages` become `text`, a prompt ends with the header of an answer (or stays open after an
 * assistant message), completions are what the whole text has beyond the prompt.
 *
 * @throws ChimedError `row` for an unknown format or a prompt that ends with a system message
 */
export function applyChatTemplate(example: TrlExample, { tokenizer, tools }: ApplyOptions): TrlExample {
  const keys = ['prompt', 'chosen', 'rejected', 'completion', 'messages', 'label']
    .filter((key) => example[key] !== undefined)
    .sort()
  if (!templated.has(keys.join()))
    throw new ChimedError(
      'row',
      `applyChatTemplate: expected a record of a TRL format, got the keys ${keys.join(', ') || '(none)'}. Convert the record first.`,
    )
  const options: ChatRenderOptions = {
    ...(tools?.length && { tools }),
    ...(example.chat_template_kwargs && { variables: example.chat_template_kwargs }),
  }
  const render = (messages: readonly TrlMessage[], more: ChatRenderOptions = {}): string =>
    tokenizer.applyChatTemplate(messages as readonly Message[], { ...options, ...more }).text
  if (example.messages) return { text: render(example.messages) }
  const parts: Record<string, string> = {}
  const completions = (['chosen', 'rejected', 'completion'] as const).filter((key) => example[key] !== undefined)
  const label = example.label === undefined ? {} : { label: example.label }
  if (example.prompt === undefined) {
    for (const key of completions) parts[key] = render(example[key] as readonly TrlMessage[])
    return parts
  }
  const messages = example.prompt as readonly TrlMessage[]
  let prompt = render(messages, promptEnd(messages))
  const whole = completions.map((key) => render([...messages, ...(example[key] as readonly TrlMessage[])]))
  for (const text of whole) prompt = prompt.slice(0, commonLength(prompt, text))
  parts.prompt = prompt
  for (const [index, key] of completions.entries()) parts[key] = whole[index]!.slice(prompt.length)
  return { ...parts, ...label }
}

function promptEnd(messages: readonly TrlMessage[]): ChatRenderOptions {
  const role = messages.at(-1)?.role
  if (role === 'user' || role === 'tool') return { addGenerationPrompt: true }
  if (role === 'assistant') return { continueFinalMessage: true }
  throw new ChimedError(
    'row',
    `applyChatTemplate: expected a prompt that ends with user, tool or assistant, got ${role}. Check the last message.`,
  )
}

/** The record itself when it holds text, or rendered. */
export const maybeApplyChatTemplate = (example: TrlExample, options: ApplyOptions): TrlExample =>
  isConversational(example) ? applyChatTemplate(example, options) : example

/** Length of the common beginning of two texts or lists. */
export function commonLength(a: ArrayLike<unknown>, b: ArrayLike<unknown>): number {
  let length = 0
  while (length < a.length && length < b.length && a[length] === b[length]) length++
  return length
}
