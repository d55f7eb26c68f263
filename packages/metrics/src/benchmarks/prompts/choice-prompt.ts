import type { AnswerOption } from '../../extract/extractor'
import type { Prompt } from '../model'

/** A multiple-choice question. */
export interface ChoiceQuestion {
  /** Unique within its task. */
  readonly id: string
  readonly question: string
  readonly options: readonly AnswerOption[]
  /** The options as the data file has them, where prompts repeat them as they are. */
  readonly optionsText?: string
  /** The right letters; undefined where the benchmark keeps them secret. */
  readonly answer?: string
  readonly explanation?: string
  /** Key of the subject, for benchmarks that have subjects. */
  readonly subject?: string
  /** Names by which results are grouped, such as `Clinical Department`. */
  readonly groups?: Readonly<Record<string, string>>
}

/** A question as it is put to a model. */
export interface ChoicePrompt {
  readonly prompt: Prompt
  /** What follows the prompt when a letter is the answer; the letter itself unless given. */
  readonly letter?: (letter: string) => string
  /** Text put before the model's output before the answer is read. */
  readonly outputPrefix?: string
  /** Characters of a text prompt that all questions of the subject share. */
  readonly sharedPrefix?: number
}

/** Writes a question with worked examples before it. */
export type ChoicePrompter = (question: ChoiceQuestion, shots: readonly ChoiceQuestion[]) => ChoicePrompt

/** The question with its options, one a line: `\nA. …`. */
export const questionWithOptions = ({ question, options }: ChoiceQuestion): string =>
  question + options.map(({ letter, text }) => `\n${letter}. ${text}`).join('')
