import { basename } from 'node:path'
import { cmexamTextScores } from '../../text/cmexam-scores'
import type { Tokenizer } from '../../text/tokenizer'
import type { Prompt } from '../model'
import { type Dropped, dropLog, readRows } from '../read-rows'
import { type Measure, measureOf, type PreparedTask, type RowResult, type SummaryOptions, type Task } from '../result'

/** A question with a written answer. */
export interface OpenQuestion {
  readonly id: string
  readonly question: string
  readonly reference: string
}

/** Options of a benchmark of written answers. */
export interface OpenAnswerOptions {
  /** A file, or questions already read. */
  readonly data: string | readonly OpenQuestion[]
  /** How a question is put; `问：…\n答：` by default. */
  readonly prompt?: (question: string) => Prompt
  /** What BLEU counts: characters, or words by passing what `loadJieba` gives. */
  readonly bleuTokens?: 'char' | 'visible' | Tokenizer
  readonly limit?: number
  readonly maxTokens?: number
  readonly stop?: readonly string[]
}

/**
 * Huatuo-26M: BLEU and ROUGE of written answers (Table 6). No script for it was published; these are the scores of the CMExam
 * scripts, on characters unless told otherwise.
 *
 * @see Li et al. 2023 (https://arxiv.org/abs/2305.01526)
 */
export const huatuo26m = (options: OpenAnswerOptions): Task => openAnswers('huatuo26m', 'Huatuo-26M', options)

/** A benchmark of written answers under a name of your own. */
export function openAnswers(name: string, title: string, options: OpenAnswerOptions): Task {
  const {
    data,
    prompt = (question: string) => `问：${question}\n答：`,
    bleuTokens = 'char',
    limit,
    maxTokens = 256,
    stop,
  } = options
  return {
    name,
    async prepare(): Promise<PreparedTask> {
      const { questions, dropped } =
        typeof data === 'string' ? await readOpenQuestions(data) : { questions: data, dropped: [] as Dropped[] }
      const asked = questions.slice(0, limit)
      return {
        requests: asked.map(({ id, question }) => ({
          kind: 'generate',
          id: `${name}/${id}`,
          prompt: prompt(question),
          maxTokens,
          ...(stop && { stop }),
        })),
        summarize(answers, draws) {
          const rows = asked.map(({ id, question, reference }, i): RowResult => {
            const answer = answers[i]!
            const shared = { id, question, gold: reference }
            if ('text' in answer) return { ...shared, outputs: [answer.text.trim()] }
            return { ...shared, outputs: [], error: 'error' in answer ? answer.error : 'no text' }
          })
          return {
            task: name,
            title,
            settings: {
              data: typeof data === 'string' ? basename(data) : 'given questions',
              maxTokens,
              bleuTokens: typeof bleuTokens === 'string' ? bleuTokens : bleuTokens.name,
            },
            measures: textMeasures(rows, bleuTokens, draws),
            groups: {},
            rows,
            failed: rows.filter((row) => row.error !== undefined).length,
            dropped,
          }
        },
      }
    },
  }
}

function textMeasures(
  rows: readonly RowResult[],
  tokens: 'char' | 'visible' | Tokenizer,
  draws: SummaryOptions,
): Record<string, Measure> {
  const answered = rows.filter((row) => row.error === undefined)
  if (answered.length === 0) return {}
  const { n, ...columns } = cmexamTextScores(
    answered.map((row) => row.outputs[0]!),
    answered.map((row) => row.gold!),
    { tokens, ...draws },
  )
  return Object.fromEntries(Object.entries(columns).map(([key, interval]) => [key, measureOf(interval, n)]))
}

/**
 * Questions and answers of a file whose rows have `instruction` or `question` and `output` or `answer`, each a text or a list of one
 * text. Rows that lack one are left out and reported.
 *
 * @throws MetricsError `data` for a file that cannot be read
 */
export async function readOpenQuestions(path: string): Promise<{ questions: OpenQuestion[]; dropped: Dropped[] }> {
  const log = dropLog()
  const questions: OpenQuestion[] = []
  for (const { line, values } of await readRows(path)) {
    const question = textOf(values.instruction ?? values.question)
    const reference = textOf(values.output ?? values.answer)
    if (question === '') log.drop('no question', `line ${line}`)
    else if (reference === '') log.drop('no answer', `line ${line}`)
    else questions.push({ id: String(line), question, reference })
  }
  return { questions, dropped: log.list() }
}

const textOf = (value: unknown): string => {
  const text = Array.isArray(value) ? value[0] : value
  return typeof text === 'string' ? text.trim() : ''
}
