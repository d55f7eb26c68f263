import { examScores } from '../../classification/exam'
import { MetricsError } from '../../errors'
import type { AnswerExtractor } from '../../extract/extractor'
import { strictExtractor } from '../../extract/strict'
import { bootstrap, bootstrapMean } from '../../statistics/bootstrap'
import type { Answer } from '../answer'
import type { ContinuationScore, ModelRequest } from '../model'
import type { ChoicePrompt, ChoiceQuestion } from '../prompts/choice-prompt'
import { type Measure, measureOf, type RowResult, type SummaryOptions } from '../result'

/**
 * How an answer is chosen:
 *
 * - `generation`: the model writes, an extractor reads.
 * - `first-token`: the letter with the most probable first token.
 * - `likelihood`: the letter with the highest log-likelihood; the same where letters are one token.
 * - `options`: the option whose text has the highest mean log-probability per token, for models that do not map letters to texts.
 */
export type ChoiceScoring = (typeof choiceScorings)[number]

/** Every way to choose an answer. */
export const choiceScorings = ['generation', 'first-token', 'likelihood', 'options'] as const

/** @throws MetricsError `option` for a way that there is not */
export function checkScoring(operation: string, scoring: ChoiceScoring): void {
  if (!choiceScorings.includes(scoring))
    throw new MetricsError(
      'option',
      `${operation}: expected scoring of ${choiceScorings.join(', ')}, got '${scoring}'. Name one of them.`,
      { operation },
    )
}

/** How questions are put and answers read. */
export interface ChoiceSettings {
  readonly scoring: ChoiceScoring
  /** Reads generated answers; the strict one by default. */
  readonly extractor?: AnswerExtractor
  /** Most tokens of a generated answer. */
  readonly maxTokens: number
  readonly stop?: readonly string[]
}

/** The request for one question. */
export function choiceRequest(
  task: string,
  question: ChoiceQuestion,
  prompt: ChoicePrompt,
  settings: ChoiceSettings,
): ModelRequest {
  const id = `${task}/${question.id}`
  if (settings.scoring === 'generation')
    return {
      kind: 'generate',
      id,
      prompt: prompt.prompt,
      maxTokens: settings.maxTokens,
      ...(settings.stop && { stop: settings.stop }),
    }
  const { letter = (x: string) => x } = prompt
  const continuations = question.options.map((option) =>
    settings.scoring === 'options' ? option.text : letter(option.letter),
  )
  const shared = prompt.sharedPrefix === undefined ? {} : { sharedPrefix: prompt.sharedPrefix }
  return { kind: 'score', id, prompt: prompt.prompt, continuations, ...shared }
}

/** The result of one question. */
export function choiceRow(
  question: ChoiceQuestion,
  prompt: ChoicePrompt,
  answer: Answer,
  settings: ChoiceSettings,
): RowResult {
  const row = {
    id: question.id,
    question: question.question,
    options: question.options,
    ...(question.answer !== undefined && { gold: question.answer }),
    ...(question.groups && { groups: question.groups }),
  }
  if ('error' in answer) return { ...row, outputs: [], error: answer.error }
  if ('text' in answer) {
    const { extractor = strictExtractor } = settings
    const { answer: letters, parsed } = extractor(((prompt.outputPrefix ?? '') + answer.text).trim(), question.options)
    return {
      ...row,
      outputs: [answer.text],
      predicted: parsed ? letters : '',
      ...judged(question, parsed ? letters : ''),
    }
  }
  const values = answer.scores.map((score) => choiceValue(score, settings.scoring))
  if (values.some((value) => value === undefined))
    return {
      ...row,
      outputs: [],
      error: 'first-token scoring needs firstLogProb where a continuation has several tokens',
    }
  const best = values.reduce<number>((top, value, i) => (value! > values[top]! ? i : top), 0)
  const predicted = question.options[best]!.letter
  const byLetter = Object.fromEntries(question.options.map((option, i) => [option.letter, values[i]!]))
  return { ...row, outputs: [], values: byLetter, predicted, ...judged(question, predicted) }
}

const judged = (question: ChoiceQuestion, predicted: string): { correct?: boolean } =>
  question.answer === undefined ? {} : { correct: predicted === question.answer }

function choiceValue(score: ContinuationScore, scoring: ChoiceScoring): number | undefined {
  if (scoring === 'options') return score.logProb / Math.max(1, score.tokens)
  if (scoring === 'likelihood') return score.logProb
  return score.firstLogProb ?? (score.tokens === 1 ? score.logProb : undefined)
}

/** Accuracy and weighted F1 of the rows that have a result; empty when none has. */
export function choiceMeasures(rows: readonly RowResult[], draws: SummaryOptions): Record<string, Measure> {
  const scored = rows.filter((row) => row.correct !== undefined)
  if (scored.length === 0) return {}
  const scores = examScores(
    scored.map((row) => row.gold!),
    scored.map((row) => row.predicted),
    draws,
  )
  const read = { unparsed: scores.unparsed, valueOfParsed: scores.accuracyOfParsed }
  return {
    accuracy: { ...measureOf(scores.accuracy, scores.n), ...read },
    weightedF1: measureOf(scores.weightedF1, scores.n),
  }
}

/** Accuracy of each value of each grouping, such as each subject. */
export function groupedAccuracy(
  rows: readonly RowResult[],
  draws: SummaryOptions,
): Record<string, Record<string, Measure>> {
  const groups: Record<string, Record<string, RowResult[]>> = {}
  for (const row of rows)
    for (const [name, value] of Object.entries(row.correct === undefined ? {} : (row.groups ?? {}))) {
      groups[name] ??= {}
      groups[name][value] ??= []
      groups[name][value].push(row)
    }
  return mapValues(groups, (values) =>
    mapValues(values, (members) => ({
      ...measureOf(bootstrapMean(hitsOf(members), draws), members.length),
      unparsed: members.filter((row) => row.predicted === '').length,
    })),
  )
}

/** Mean over the groups of their accuracy, each group counting the same; its interval draws from all rows. */
export function macroAccuracy(rows: readonly RowResult[], group: string, draws: SummaryOptions): Measure | undefined {
  const scored = rows.filter((row) => row.correct !== undefined)
  if (scored.length === 0) return undefined
  const names = [...new Set(scored.map((row) => row.groups?.[group] ?? ''))]
  const member = Int32Array.from(scored, (row) => names.indexOf(row.groups?.[group] ?? ''))
  const hits = hitsOf(scored)
  const statistic = (indices: Int32Array): number => {
    const [right, all] = [new Float64Array(names.length), new Float64Array(names.length)]
    for (const i of indices) {
      right[member[i]!]! += hits[i]!
      all[member[i]!]!++
    }
    const drawn = names.map((_, k) => k).filter((k) => all[k]! > 0)
    return drawn.reduce((sum, k) => sum + right[k]! / all[k]!, 0) / drawn.length
  }
  return measureOf(bootstrap(scored.length, statistic, draws), scored.length)
}

const hitsOf = (rows: readonly RowResult[]): number[] => rows.map((row) => (row.correct ? 1 : 0))

const mapValues = <A, B>(record: Record<string, A>, change: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]))
