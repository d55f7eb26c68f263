import { readCsv } from '../read/csv'
import { formatOf, readRows } from '../read/rows'
import type { Conversation, CptText, Row } from '../types'
import { exchange } from './conversation'
import { text } from './fields'
import { type Converted, type Drop, defineSource, drop, type Source, type SourceOptions } from './source'

/** One exam question as CMExam publishes it. */
export interface ExamItem {
  readonly question: string
  /** Letter and text of each option, in order. */
  readonly options: readonly { readonly letter: string; readonly text: string }[]
  /** One letter, or several in alphabetical order (`ABD`). */
  readonly answer: string
  /** Empty when the source has none. */
  readonly explanation: string
}

/** Columns of the annotated CSV besides the four main ones. */
export const cmexamAnnotations = [
  'Disease Group',
  'Area of Competency',
  'Clinical Department',
  'Medical Discipline',
  'Difficulty level',
] as const

const columns = ['Question', 'Options', 'Answer']
const files = /\.(csv|xlsx|jsonl?|parquet)$/i

/** The exam question in a CMExam row of any form: options separated by line breaks or by a written `\n`, `nan` for absent cells. */
export function examItem(record: Readonly<Record<string, unknown>>): ExamItem | Drop {
  const question = text(record.Question ?? record.question)
  const answer = text(record.Answer ?? record.answer)
    .toUpperCase()
    .replace(/[^A-Z]/g, '')
  const options = examOptions(text(record.Options ?? record.options))
  if (question === '') return drop('missing-question', 'no question')
  if (answer === '') return drop('missing-answer', 'no answer')
  if (options.length < 2) return drop('missing-options', 'fewer than two options')
  const unknown = [...answer].find((letter) => !options.some((option) => option.letter === letter))
  if (unknown) return drop('answer-without-option', `answer ${unknown} names no option`)
  return { question, options, answer, explanation: text(record.Explanation ?? record.explanation) }
}

/** Options of a cell: lines of a letter, a separator and a text; a line without a letter goes on with the option before. */
export function examOptions(cell: string): { letter: string; text: string }[] {
  const options: { letter: string; text: string }[] = []
  for (const line of cell.split(/\r?\n|\\n/)) {
    const match = /^\s*([A-Z])(?:[\s.．、:：]+(.*)|)$/s.exec(line)
    if (match) options.push({ letter: match[1]!, text: (match[2] ?? '').trim() })
    else if (options.length > 0 && line.trim() !== '') options.at(-1)!.text += `\n${line.trim()}`
  }
  return options
}

/** The options as CMExam writes them: one a line, letter and text separated by a space. */
export const optionLines = (item: ExamItem): string =>
  item.options.map(({ letter, text: option }) => `${letter} ${option}`).join('\n')

/** Text of the correct option, or of all correct options joined by `、`. */
export const answerText = ({ options, answer }: ExamItem): string =>
  [...answer].map((letter) => options.find((option) => option.letter === letter)?.text ?? '').join('、')

/** What a CMExam row says in pre-training. */
export type ExamForm = 'answer' | 'explanation' | 'answer+explanation'

/** Options of `cmexam`. */
export interface CmexamOptions extends SourceOptions {
  /** Parts beside question and options (default `answer+explanation`). */
  readonly form?: ExamForm | undefined
}

/** CMExam as pre-training text: question, options, answer and explanation. Rows without an explanation keep the other parts. */
export function cmexam(path: string, { form = 'answer+explanation', ...options }: CmexamOptions = {}): Source<CptText> {
  const convert = (item: ExamItem): Converted<CptText> => {
    const lines = [item.question, optionLines(item)]
    if (form !== 'explanation') lines.push(`答案：${item.answer} ${answerText(item)}`)
    if (form !== 'answer' && item.explanation) lines.push(`解析：${item.explanation}`)
    else if (form === 'explanation') return drop('missing-explanation', 'no explanation')
    return { record: { text: lines.join('\n') } }
  }
  return examSource('CMExam', path, { convert, own: { form } }, options)
}

/** Instruction templates of the official repository; 5 and 6 leave the options out and answer by content. */
export type ExamTemplate = 1 | 2 | 3 | 4 | 5 | 6

/** Options of `cmexamExplanation`. */
export interface CmexamExplanationOptions extends SourceOptions {
  /** Template of prompt and answer (default 4: letter, text and explanation). */
  readonly template?: ExamTemplate | undefined
  /** Several correct options: their texts joined (default), or none, as in the official script. */
  readonly multipleAnswers?: 'joined' | 'empty' | undefined
}

/** CMExam as conversations by one of the six templates; templates 3, 4 and 6 need an explanation and leave out rows without. */
export function cmexamExplanation(
  path: string,
  { template = 4, multipleAnswers = 'joined', ...options }: CmexamExplanationOptions = {},
): Source<Conversation> {
  return examSource(
    'CMExam-explanation',
    path,
    {
      convert: (item) => examConversation(item, { template, multipleAnswers }),
      own: { template, multipleAnswers },
    },
    options,
  )
}

/** The conversation that one of the six templates makes of an exam question. */
export function examConversation(
  item: ExamItem,
  { template = 4, multipleAnswers = 'joined' }: Pick<CmexamExplanationOptions, 'template' | 'multipleAnswers'> = {},
): Converted<Conversation> {
  const explained = template === 3 || template === 4 || template === 6
  if (explained && item.explanation === '') return drop('missing-explanation', 'no explanation')
  const content = item.answer.length > 1 && multipleAnswers === 'empty' ? '' : answerText(item)
  if (template > 4 && content === '') return drop('missing-answer', 'no single option to answer by content')
  const prompt = template > 4 ? `问题: ${item.question}` : `问题: ${item.question}, \n 选项: ${optionLines(item)}`
  const completions: Record<ExamTemplate, string> = {
    1: `答案: ${item.answer}`,
    2: `答案: ${item.answer} ${content}`,
    3: `解释: ${item.explanation}`,
    4: `答案: ${item.answer} ${content}. \n 解释:${item.explanation}`,
    5: `答案: ${content}`,
    6: `答案: ${content}. \n 解释: ${item.explanation}`,
  }
  return exchange(prompt, completions[template])
}

function examSource<T extends CptText | Conversation>(
  name: string,
  path: string,
  {
    convert,
    own,
  }: {
    readonly convert: (item: ExamItem) => Converted<T>
    readonly own: Readonly<Record<string, unknown>>
  },
  options: SourceOptions,
): Source<T> {
  return defineSource<Record<string, unknown>, T>(
    {
      name,
      path,
      pattern: files,
      options: own,
      rows: (file, read) =>
        formatOf(file) === 'csv'
          ? (readCsv(file, { ...read, required: columns }) as AsyncGenerator<Row<Record<string, unknown>>>)
          : readRows(file, read),
      convert: ({ value }) => {
        const item = examItem(value)
        if ('drop' in item) return item
        const converted = convert(item)
        return 'drop' in converted
          ? converted
          : { ...converted, meta: { question: item.question, answer: item.answer } }
      },
    },
    options,
  )
}
