import { cevalMedical } from '../prompts/ceval-subjects'
import type { EvaluationResult, Measure, TaskResult } from '../result'
import { comparisons, comparisonText } from './compare'
import { formatMeasure, measureNames } from './format'

/**
 * Tables of one or more models in the layout of the paper: a row for each model; C-Eval with the medical subjects and both averages
 * (Table 4), CMExam with accuracy, weighted F1 and the columns of explanations (Table 5), Huatuo-26M with BLEU and ROUGE (Table 6);
 * other tasks with their measures. Under each table stand the number of rows, of unread answers and of failed rows, the settings, and
 * the paired comparison of each further model with the first.
 */
export function markdownTables(results: readonly EvaluationResult[]): string {
  const tasks = [...new Set(results.flatMap((result) => result.tasks.map((task) => task.task)))]
  return tasks.map((task) => tableOf(task, results)).join('\n')
}

type Column = readonly [heading: string, key: string, pick: (task: TaskResult) => Measure | undefined]

function tableOf(task: string, results: readonly EvaluationResult[]): string {
  const found = results.flatMap(({ model, tasks }) =>
    tasks.filter((entry) => entry.task === task).map((entry) => ({ model, entry })),
  )
  const columns = columnsOf(
    task,
    found.map(({ entry }) => entry),
  )
  const row = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |`
  const lines = [
    `### ${found[0]!.entry.title}`,
    '',
    row(['Method', ...columns.map(([heading]) => heading)]),
    `|---|${columns.map(() => '--:|').join('')}`,
    ...found.map(({ model, entry }) =>
      row([model, ...columns.map(([, key, pick]) => formatMeasure(key, pick(entry)))]),
    ),
    '',
    ...found.map(({ model, entry }) => `${model}: ${notesOf(entry)}`),
    ...comparisons(found).map((comparison) => `${comparisonText(comparison)}.`),
    '',
  ]
  return lines.join('\n')
}

function columnsOf(task: string, entries: readonly TaskResult[]): Column[] {
  const measure = (key: string): Column => [measureNames[key] ?? key, key, (entry) => entry.measures[key]]
  if (task === 'ceval') {
    const subject = (key: string, heading: string): Column => [
      heading,
      'accuracy',
      (entry) => entry.groups.subject?.[key],
    ]
    return [
      subject(cevalMedical[0]!, 'Clinical Medicine'),
      subject(cevalMedical[1]!, 'Physician'),
      subject(cevalMedical[2]!, 'Basic Medicine'),
      measure('macroAccuracy'),
      ['Average over questions', 'accuracy', (entry) => entry.measures.accuracy],
    ]
  }
  return [...new Set(entries.flatMap((entry) => Object.keys(entry.measures)))].map(measure)
}

/** Counts and settings of a result on one line. */
export function notesOf({ measures, rows, failed, dropped, settings }: TaskResult): string {
  const { accuracy } = measures
  const counts = [
    `${rows.length} rows`,
    ...(accuracy?.unparsed === undefined ? [] : [`${accuracy.unparsed} unparsed`]),
    ...(accuracy?.unparsed
      ? [
          `accuracy of parsed answers ${formatMeasure('accuracy', { ...accuracy, value: accuracy.valueOfParsed!, ci95: undefined })}`,
        ]
      : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...dropped.map(({ reason, count }) => `${count} left out (${reason})`),
  ]
  const chosen = Object.entries(settings).map(([key, value]) => `${key} ${value}`)
  return `${counts.join(', ')}; ${chosen.join(', ')}.`
}

const escapeCell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
