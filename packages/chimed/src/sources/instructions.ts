import type { GroupedRow } from '../read/json'
import { readRows } from '../read/rows'
import type { Conversation, Row } from '../types'
import { conversationOf } from './conversation'
import { texts } from './fields'
import { type Converted, defineSource, drop, type Source, type SourceOptions } from './source'

/** A source of instructions or conversations in any public layout. */
export type InstructionSource = (path: string, options?: SourceOptions) => Source<Conversation>

const instructions =
  (
    name: string,
    convert: (row: Row<Record<string, unknown>>) => Converted<Conversation> | Converted<Conversation>[] = ({ value }) =>
      conversationOf(value),
    own: Readonly<Record<string, unknown>> = {},
  ): InstructionSource =>
  (path, options = {}) =>
    defineSource<Record<string, unknown>, Conversation>(
      { name, path, pattern: /\.(jsonl?|parquet|csv)$/i, options: own, rows: readRows, convert },
      options,
    )

/** Instruct_chat: Alpaca records as single-turn conversations. */
export const instructChat: InstructionSource = instructions('Instruct_chat')
/** School Math (BELLE): Alpaca records, or `question`, `std_answer`. */
export const schoolMath: InstructionSource = instructions('School Math')
/** Alpaca_gpt4_data_zh: Alpaca records. */
export const alpacaGpt4Zh: InstructionSource = instructions('Alpaca_gpt4_data_zh')
/** Train_1M_CN (BELLE): Alpaca records. */
export const train1mCn: InstructionSource = instructions('Train_1M_CN')
/** Train_2M_CN (BELLE): Alpaca records. */
export const train2mCn: InstructionSource = instructions('Train_2M_CN')
/** Train_3.5M_CN (BELLE): `conversations` with `from` and `value`. */
export const train35mCn: InstructionSource = instructions('Train_3.5M_CN')
/** Multiturn_chat (BELLE): the dialogue stands in `instruction`, marked `Human:` and `Assistant:`. */
export const multiturnChat: InstructionSource = instructions('Multiturn_chat')
/** Safety-Prompts: `prompt`, `response`, `type`; a file that groups its rows by type gives the type from there. */
export const safetyPrompts: InstructionSource = instructions('Safety-Prompts', (row) => {
  const converted = conversationOf(row.value)
  const type = (row as GroupedRow<unknown>).group ?? row.value.type
  return 'drop' in converted || typeof type !== 'string' ? converted : { ...converted, meta: { type } }
})
/** Conversations or instructions of any other data set. */
export const conversations = (
  path: string,
  { name = 'Conversations', ...options }: SourceOptions = {},
): Source<Conversation> => instructions(name)(path, options)

/** Options of `hc3Chinese`. */
export interface Hc3Options extends SourceOptions {
  /** Whose first answer is taken (default `chatgpt`). */
  readonly answers?: 'chatgpt' | 'human' | undefined
}

/** HC3-Chinese: `question` with the answers of people and of ChatGPT. */
export const hc3Chinese = (path: string, { answers = 'chatgpt', ...options }: Hc3Options = {}): Source<Conversation> =>
  instructions(
    'HC3-Chinese',
    ({ value }) => {
      const [output] = texts(value[`${answers}_answers`])
      return output === undefined
        ? drop('missing-answer', `no answer by ${answers}`)
        : conversationOf({ question: value.question, output })
    },
    { answers },
  )(path, options)
