import { readRows } from '../read/rows'
import type { CptText } from '../types'
import { firstOf, texts } from './fields'
import { type Converted, defineSource, drop, type Source, type SourceOptions } from './source'

/** Options of the question-and-answer sources of Huatuo-26M. */
export interface QuestionOptions extends SourceOptions {
  /** Where a row lists several wordings of its question: the first (default), or one record for each. */
  readonly questions?: 'first' | 'all' | undefined
}

const files = /\.(jsonl?|parquet|csv)$/i

/** Huatuo-26M encyclopedias (hub layout `questions`, `answers` in nested lists, or `instruction`, `output`) as text. */
export const huatuoEncyclopedia = (path: string, options: QuestionOptions = {}): Source<CptText> =>
  questionSource('Huatuo-26M-encyclopedias', path, options)

/** Huatuo-26M questions from a knowledge graph, in the same layouts, as text. */
export const huatuoKnowledge = (path: string, options: QuestionOptions = {}): Source<CptText> =>
  questionSource('Huatuo-26M-medical_knowledge', path, options)

function questionSource(
  name: string,
  path: string,
  { questions = 'first', ...options }: QuestionOptions,
): Source<CptText> {
  return defineSource<Record<string, unknown>, CptText>(
    {
      name,
      path,
      pattern: files,
      options: { questions },
      rows: readRows,
      convert: ({ value }) => questionTexts(value, questions),
    },
    options,
  )
}

/** Question and answer as one text each, `问：…` and `答：…` on two lines. */
function questionTexts(
  record: Readonly<Record<string, unknown>>,
  which: 'first' | 'all',
): Converted<CptText> | Converted<CptText>[] {
  const asked = texts(record.questions ?? record.question ?? record.instruction ?? record.问)
  const answer = firstOf(record, 'answers', 'answer', 'output', '答')
  if (asked.length === 0) return drop('missing-question', 'no question')
  if (answer === '') return drop('missing-answer', 'no answer')
  return (which === 'all' ? asked : asked.slice(0, 1)).map((question) => ({
    record: { text: `问：${question}\n答：${answer}` },
    meta: { question, answer },
  }))
}
