/** One option of a multiple-choice question. */
export interface AnswerOption {
  /** `A`, `B`, ... */
  readonly letter: string
  readonly text: string
}

/** The answer read from a model's text. */
export interface Extraction {
  /** Letters such as `A` or `ACD`; where `parsed` is false, what the mode writes for "no answer" (often ''). */
  readonly answer: string
  /** Whether an answer was found. */
  readonly parsed: boolean
}

/** Reads the chosen letters from a model's text. */
export type AnswerExtractor = (output: string, options: readonly AnswerOption[]) => Extraction

/** An answer that was found. */
export const found = (answer: string): Extraction => ({ answer, parsed: true })

/** No answer, written as `mark`. */
export const notFound = (mark = ''): Extraction => ({ answer: mark, parsed: false })

/**
 * The options of a CMExam row: one a line, each `letter, white space, text`. The two characters backslash and n separate
 * lines too, as some releases of the data write them.
 */
export function parseOptions(text: string): AnswerOption[] {
  const lines = text.split(/\r?\n|\\n/)
  const options: AnswerOption[] = []
  for (const line of lines) {
    const match = /^\s*([A-Z])(?:[.．、:：\s]\s*)(.*)$/.exec(line)
    if (match) options.push({ letter: match[1]!, text: match[2]!.trim() })
  }
  return options
}
