import type { Conversation, Message } from '../types'
import { firstOf, text, texts } from './fields'
import { type Change, type Converted, type Drop, drop } from './source'

const roles: Readonly<Record<string, Message['role']>> = {
  user: 'user',
  human: 'user',
  input: 'user',
  prompter: 'user',
  patient: 'user',
  病人: 'user',
  患者: 'user',
  assistant: 'assistant',
  gpt: 'assistant',
  output: 'assistant',
  bot: 'assistant',
  chatgpt: 'assistant',
  doctor: 'assistant',
  医生: 'assistant',
  function_call: 'assistant',
  system: 'system',
  tool: 'tool',
  observation: 'tool',
  function: 'tool',
}

/** The role that a name used in public data sets stands for (`human`, `gpt`, `input`, `病人`, ...), or undefined. */
export const roleOf = (name: unknown): Message['role'] | undefined =>
  typeof name === 'string' ? roles[name.trim().toLowerCase()] : undefined

/**
 * A conversation from a record of any public layout: `messages`, `conversations` (`from`/`value` or `role`/`content`), TRL's `prompt` and
 * `completion` (text or messages), Alpaca with or without `history`, lists of inputs and outputs, `prompt`/`response`, HC3, question and answer in lists, and dialogues inlined in `instruction` by markers
 * (`Human:`/`Assistant:`, `<user>:`/`<bot>:`). Blank turns and unknown roles give a drop.
 */
export function conversationOf(record: Readonly<Record<string, unknown>>): Converted<Conversation> {
  const turns = listedTurns(record) ?? pairedLists(record) ?? alpacaTurns(record)
  return 'drop' in turns ? turns : alternating(turns)
}

/** One question and one answer as a conversation. */
export const exchange = (question: string, answer: string): Converted<Conversation> =>
  alternating([
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ])

/**
 * Turns that alternate, begin with the user (after an optional system message) and end with the assistant: consecutive turns of one
 * speaker are joined by a line break, answers before the first question and a last question without answer are left out.
 */
export function alternating(turns: readonly Message[]): Converted<Conversation> {
  const messages: { role: Message['role']; content: string }[] = []
  const changes = new Map<string, Change>()
  const change = (code: string, reason: string): unknown => changes.set(code, { code, reason })
  for (const { role, content } of turns) {
    const last = messages.at(-1)
    if (content.trim() === '') change('blank-turn', 'a turn without text was left out')
    else if (role === 'assistant' && (!last || last.role === 'system'))
      change('answer-first', 'an answer before the first question was left out')
    else if (last?.role === role) {
      last.content += `\n${content}`
      change('joined-turns', 'consecutive turns of one speaker were joined')
    } else messages.push({ role, content })
  }
  if (messages.at(-1)?.role === 'user') {
    messages.pop()
    change('question-last', 'a last question without answer was left out')
  }
  if (!messages.some(({ role }) => role === 'assistant')) {
    return turns.some(({ role }) => role === 'assistant')
      ? drop('empty', 'no question before the answer, or nothing in one of them')
      : drop('missing-answer', 'no answer')
  }
  return { record: { messages }, ...(changes.size > 0 && { changes: [...changes.values()] }) }
}

function listedTurns(record: Readonly<Record<string, unknown>>): Message[] | Drop | undefined {
  // TRL's conversational prompt and completion are two lists of messages
  const list =
    record.messages ?? record.conversations ?? record.conversation ?? joined(record.prompt, record.completion)
  if (!Array.isArray(list)) return undefined
  const turns: Message[] = []
  for (const item of list as Record<string, unknown>[]) {
    const name = item?.from ?? item?.role ?? (item && 'human' in item ? 'human' : undefined)
    const role = roleOf(name)
    if (!role) return drop('unknown-role', `role ${JSON.stringify(name)}`)
    turns.push({ role, content: text(item.value ?? item.content ?? item.human) })
    if ('human' in item && 'assistant' in item) turns.push({ role: 'assistant', content: text(item.assistant) })
  }
  return turns
}

const joined = (prompt: unknown, completion: unknown): unknown =>
  Array.isArray(prompt) && Array.isArray(completion) ? [...prompt, ...completion] : undefined

/** Instruct_chat: `input` and `output` are lists of the same length, a turn of each by turns. */
function pairedLists({ instruction, input, output }: Readonly<Record<string, unknown>>): Message[] | Drop | undefined {
  if (!Array.isArray(input) || !Array.isArray(output) || input.length === 0) return undefined
  if (input.length !== output.length) return drop('turn-count', `${input.length} inputs and ${output.length} outputs`)
  const system = text(instruction)
  return [
    ...(system === '' ? [] : [{ role: 'system' as const, content: system }]),
    ...input.flatMap((asked, index): Message[] => [
      { role: 'user', content: text(asked) },
      { role: 'assistant', content: text(output[index]) },
    ]),
  ]
}

function alpacaTurns(record: Readonly<Record<string, unknown>>): Message[] | Drop {
  const answer = firstOf(
    record,
    'output',
    'response',
    'answer',
    'answers',
    'chatgpt_answers',
    'human_answers',
    'std_answer',
    'completion',
    '答',
  )
  const question = withInput(
    firstOf(record, 'instruction', 'instruct', 'prompt', 'question', 'questions', 'query', 'ask', '问'),
    text(record.input),
  )
  const marked = markedTurns(question)
  const turns: Message[] = []
  const system = text(record.system)
  if (system) turns.push({ role: 'system', content: system })
  for (const pair of Array.isArray(record.history) ? record.history : []) {
    const [asked, answered] = texts(Array.isArray(pair) ? pair : [])
    if (asked) turns.push({ role: 'user', content: asked })
    if (answered) turns.push({ role: 'assistant', content: answered })
  }
  if (question === '') return drop('missing-question', 'no question')
  if (answer === '') return drop('missing-answer', 'no answer')
  return [
    ...turns,
    ...(marked ?? [{ role: 'user' as const, content: question }]),
    { role: 'assistant', content: answer },
  ]
}

/** Alpaca's rule: a non-blank input follows the instruction after a blank line. */
const withInput = (instruction: string, input: string): string =>
  input === '' ? instruction : instruction === '' ? input : `${instruction}\n\n${input}`

const marker = /(?:^|\s)(<user>|<bot>|Human|Assistant|User|Bot|病人|医生)\s*[:：]\s*/g
const userMarker = /^(<user>|Human|User|病人)$/

/** Turns of a dialogue written in one text with markers, or undefined when the text does not begin with one. */
export function markedTurns(inline: string): Message[] | undefined {
  const marks = [...inline.matchAll(marker)]
  if (marks.length === 0 || inline.slice(0, marks[0]!.index).trim() !== '') return undefined
  return marks.map((mark, index) => ({
    role: userMarker.test(mark[1]!) ? 'user' : 'assistant',
    content: inline.slice(mark.index + mark[0].length, marks[index + 1]?.index ?? inline.length).trim(),
  }))
}
