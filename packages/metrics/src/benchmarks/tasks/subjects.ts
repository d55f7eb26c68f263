import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { MetricsError } from '../../errors'
import type { ChoiceQuestion } from '../prompts/choice-prompt'
import { type Dropped, dropLog, readRows } from '../read-rows'

/** Where a benchmark with one CSV a subject keeps its files, and how its columns are called. */
export interface SubjectLayout {
  file(split: string, subject: string): string
  readonly question: string
  readonly answer: string
  /** Column of the question's number. */
  readonly id: string
}

/** Questions of one subject. */
export interface SubjectQuestions {
  readonly questions: readonly ChoiceQuestion[]
  readonly dropped: readonly Dropped[]
}

/**
 * The questions of a subject's CSV. Rows without question or options are left out and reported, and so are rows whose
 * answer is not among the options; a missing answer column is that of a test split.
 *
 * @throws MetricsError `data` when the file is missing or malformed
 */
export async function readSubject(
  folder: string,
  split: string,
  subject: string,
  layout: SubjectLayout,
): Promise<SubjectQuestions> {
  const path = join(folder, layout.file(split, subject))
  if (!existsSync(path))
    throw new MetricsError(
      'data',
      `readSubject: expected ${path}, got no such file. Check the data folder and the subject's name.`,
      {
        operation: 'readSubject',
        path,
      },
    )
  const log = dropLog()
  const questions: ChoiceQuestion[] = []
  for (const { line, values } of await readRows(path)) {
    const text = (key: string): string => String(values[key] ?? '')
    const options = ['A', 'B', 'C', 'D']
      .map((letter) => ({ letter, text: text(letter) }))
      .filter((option) => option.text !== '')
    const answer = values[layout.answer] === undefined ? undefined : text(layout.answer).trim()
    const fault =
      text(layout.question) === ''
        ? 'no question'
        : options.length < 2
          ? 'fewer than two options'
          : answer !== undefined && !options.some((option) => option.letter === answer)
            ? 'answer not among the options'
            : undefined
    if (fault !== undefined) {
      log.drop(fault, `${subject} line ${line}`)
      continue
    }
    const explanation = text('explanation')
    questions.push({
      id: `${subject}/${text(layout.id)}`,
      question: text(layout.question),
      options,
      subject,
      ...(answer !== undefined && { answer }),
      ...(explanation !== '' && { explanation }),
    })
  }
  return { questions, dropped: log.list() }
}

/** Drop reports of several files as one. */
export function mergeDropped(lists: readonly (readonly Dropped[])[]): Dropped[] {
  const merged = new Map<string, Dropped>()
  for (const { reason, count, examples } of lists.flat()) {
    const known = merged.get(reason)
    merged.set(reason, {
      reason,
      count: (known?.count ?? 0) + count,
      examples: [...(known?.examples ?? []), ...examples].slice(0, 5),
    })
  }
  return [...merged.values()]
}
