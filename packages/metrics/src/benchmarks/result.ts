import type { BootstrapOptions, Interval } from '../statistics/bootstrap'
import type { Answer } from './answer'
import type { ModelRequest } from './model'
import type { Dropped } from './read-rows'

/** A measured value with what is needed to judge it. */
export interface Measure {
  readonly value: number
  /** Bootstrap interval of 95%; undefined where none can be computed. */
  readonly ci95: readonly [low: number, high: number] | undefined
  /** Rows it was computed on. */
  readonly n: number
  /** Rows whose answer could not be read; they count as wrong. Only for answers that are read from text. */
  readonly unparsed?: number
  /** The same over rows with a readable answer only, as some published scripts count. */
  readonly valueOfParsed?: number
}

/** One question in the report. */
export interface RowResult {
  readonly id: string
  readonly question: string
  readonly options?: readonly { readonly letter: string; readonly text: string }[]
  readonly gold?: string
  /** The answer as it was read. */
  readonly predicted?: string
  readonly correct?: boolean
  /** What the model wrote, request by request. */
  readonly outputs: readonly string[]
  /** Values of this row alone, such as the likelihood of each option. */
  readonly values?: Readonly<Record<string, number>>
  /** Why it has no result. */
  readonly error?: string
  /** Subject, department, ... by which tables group rows. */
  readonly groups?: Readonly<Record<string, string>>
}

/** What a task came to. */
export interface TaskResult {
  readonly task: string
  readonly title: string
  /** Prompts, shots, scoring, extractor, data: what makes two results comparable. */
  readonly settings: Readonly<Record<string, string | number | boolean>>
  readonly measures: Readonly<Record<string, Measure>>
  /** Measures of parts: `subject` → `physician` → accuracy. */
  readonly groups: Readonly<Record<string, Readonly<Record<string, Measure>>>>
  readonly rows: readonly RowResult[]
  /** Rows on which the model failed; what it failed to answer is in no measure. */
  readonly failed: number
  readonly dropped: readonly Dropped[]
  /** Answers in the layout that a benchmark's server takes, where it has one. */
  readonly submission?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** All tasks of one model. */
export interface EvaluationResult {
  readonly model: string
  readonly tasks: readonly TaskResult[]
}

/** Requests of a task, and how their answers are judged. */
export interface PreparedTask {
  readonly requests: readonly ModelRequest[]
  /** @param answers  in the order of `requests` */
  summarize(answers: readonly Answer[], options: SummaryOptions): TaskResult | Promise<TaskResult>
}

/** Draws of the intervals. */
export type SummaryOptions = Pick<BootstrapOptions, 'samples' | 'seed'>

/** A benchmark that `evaluate` runs. */
export interface Task {
  readonly name: string
  /** Reads the data and builds the requests. */
  prepare(): Promise<PreparedTask>
}

/** A bootstrap interval as a measure. */
export const measureOf = ({ value, low, high }: Interval, n: number): Measure => ({ value, ci95: [low, high], n })
