import { readCsv } from '../read/csv'
import { formatOf, readRows } from '../read/rows'
import type { Conversation, Message, Row } from '../types'
import { alternating, conversationOf, exchange, roleOf } from './conversation'
import { type DialogueBlock, dialogueBlocks } from './dialogue-text'
import { text, texts } from './fields'
import { type Converted, type Drop, defineSource, drop, type Source, type SourceOptions } from './source'

/** Options of `chineseMedicalDialogue`. */
export interface MedicalDialogueOptions extends SourceOptions {
  /**
   * The user's turn: title and question joined by `，` (default, as in the samples MedicalGPT ships), the question alone, or the data set's
   * own instruction that names the department as a system message.
   */
  readonly prompt?: 'title+question' | 'question' | 'department' | undefined
}

/** Chinese-medical-dialogue-data (CSV, GB18030, columns department, title, ask, answer) as single-turn conversations. */
export function chineseMedicalDialogue(
  path: string,
  { prompt = 'title+question', ...options }: MedicalDialogueOptions = {},
): Source<Conversation> {
  const convert = ({ value }: Row<Record<string, string>>): Converted<Conversation> => {
    const title = blankAware(value.title)
    const ask = blankAware(value.ask ?? value.question)
    const question =
      prompt === 'title+question' && title !== ask ? [title, ask].filter(Boolean).join('，') : ask || title
    if (question === '') return drop('missing-question', 'no question')
    const answer = blankAware(value.answer)
    if (answer === '') return drop('missing-answer', 'no answer')
    const department = text(value.department)
    const meta = { department }
    if (prompt !== 'department') return { ...exchange(question, answer), meta }
    const system = { role: 'system' as const, content: `现在你是一个${department}医生，请根据患者的问题给出建议：` }
    return {
      ...alternating([system, { role: 'user', content: question }, { role: 'assistant', content: answer }]),
      meta,
    }
  }
  return defineSource(
    {
      name: 'Chinese-medical-dialogue-data',
      path,
      pattern: /\.csv$/i,
      options: { prompt },
      rows: (file, read) => readCsv(file, { ...read, required: ['title', 'answer'] }),
      convert,
    },
    options,
  )
}

/** The crawler writes 无 for a blank cell. */
const blankAware = (cell: unknown): string => (text(cell) === '无' ? '' : text(cell))

/** Options of the text dumps. */
export interface DialogueDumpOptions extends SourceOptions {
  /** Puts the description of the case before the patient's first words (default true). */
  readonly description?: boolean | undefined
}

/** Medical-Dialogue-System (MedDialog): text dumps (`id=`, `Description`, `Dialogue`, 医生：/病人：) or its processed JSON. */
export const medicalDialogueSystem = (path: string, options: DialogueDumpOptions = {}): Source<Conversation> =>
  dialogueSource('Medical-Dialogue-System', path, options)

/** CMD: dialogues crawled from haodf.com, as text dumps or as JSON with `history`, `instruction`, `output` and the two categories. */
export const cmd = (path: string, options: DialogueDumpOptions = {}): Source<Conversation> =>
  dialogueSource('CMD', path, options)

function dialogueSource(
  name: string,
  path: string,
  { description = true, ...options }: DialogueDumpOptions,
): Source<Conversation> {
  return defineSource<DialogueBlock | Record<string, unknown>, Conversation>(
    {
      name,
      path,
      pattern: /\.(txt|jsonl?)$/i,
      options: { description },
      rows: (file, read) => (formatOf(file) === 'text' ? dialogueBlocks(file, read) : readRows(file, read)),
      convert: ({ value }) =>
        isBlock(value) ? blockConversations(value, description) : jsonDialogue(value, description),
    },
    options,
  )
}

const isBlock = (value: DialogueBlock | Record<string, unknown>): value is DialogueBlock => 'visits' in value

/** One conversation per visit; a record without any dialogue is a drop. */
function blockConversations({ visits }: DialogueBlock, withDescription: boolean): Converted<Conversation>[] {
  const spoken = visits.filter(({ turns }) => turns.length > 0)
  if (spoken.length === 0) return [drop('missing-dialogue', 'no dialogue')]
  return spoken.map(({ description, turns }) =>
    alternating(withDescription && description ? [{ role: 'user', content: description }, ...turns] : turns),
  )
}

function jsonDialogue(value: Record<string, unknown>, withDescription: boolean): Converted<Conversation> {
  const list = value.utterances ?? value.dialogue ?? (Array.isArray(value) ? value : undefined)
  if (list === undefined) {
    const converted = conversationOf(value)
    const meta = Object.fromEntries(
      ['cate1', 'cate2'].flatMap((key) => (text(value[key]) ? [[key, text(value[key])]] : [])),
    )
    return 'drop' in converted || Object.keys(meta).length === 0 ? converted : { ...converted, meta }
  }
  const turns = utterances(texts(list))
  if ('drop' in turns) return turns
  const description = withDescription ? text(value.description) : ''
  return alternating(description ? [{ role: 'user', content: description }, ...turns] : turns)
}

/** Turns of lines that begin with their speaker (`病人：…`). */
function utterances(lines: readonly string[]): Message[] | Drop {
  const turns: Message[] = []
  for (const line of lines) {
    const match = /^\s*([^:：]{1,12})[:：]\s*(.*)$/s.exec(line)
    const role = match ? roleOf(match[1]) : undefined
    if (!role) return drop('unknown-role', `no speaker in ${JSON.stringify(line.slice(0, 20))}`)
    turns.push({ role, content: match![2]! })
  }
  return turns
}
