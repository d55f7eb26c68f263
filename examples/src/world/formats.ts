/**
 * The text formats of the mini world's model, in one place: its pre-training, its fine-tuning and its evaluation all
 * build prompts here, so that they cannot drift apart.
 */

/** Token that ends a document and an answer. */
export const endToken = '</s>'

/** Option letters, in order. */
export const letters = ['A', 'B', 'C', 'D', 'E'] as const

/** A multiple-choice question: its text, and the texts of its options without letters. */
export interface Exam {
  readonly question: string
  readonly options: readonly string[]
  /** Index of the right option. */
  readonly answer: number
  /** One sentence that tells the right answer, ending in a full stop. */
  readonly explanation: string
}

/** The options on one line: a letter directly before its text, which lets a small model match text and letter. */
export function optionLine(options: readonly string[]): string {
  return options.map((option, i) => letters[i] + option).join(' ')
}

/** Sentences put before a question so that the answer can be read in them; empty without sentences. */
export function contextText(sentences: readonly string[] = []): string {
  return sentences.length === 0 ? '' : `资料：${sentences.join('')}`
}

/** What a user asks when an exam question is put to the model, with the context if there is one. */
export function examTurn(
  { question, options }: Pick<Exam, 'question' | 'options'>,
  context?: readonly string[],
): string {
  return `${contextText(context)}选择题：${question}${optionLine(options)}`
}

/** An exam question's text cut into the passage before it, if it has one, and the question itself. */
export function questionParts(text: string): { context: string[]; question: string } {
  const mark = contextText([''])
  if (!text.startsWith(mark)) return { context: [], question: text }
  const end = text.lastIndexOf('。') + 1
  return { context: [text.slice(mark.length, end)], question: text.slice(end) }
}

/** What a user asks in a dialogue, with the context if there is one. */
export function dialogueTurn(question: string, context?: readonly string[]): string {
  return contextText(context) + question
}

/** The answer to an exam question: the statement first, the letter last. */
export function examAnswer({ explanation, answer }: Pick<Exam, 'explanation' | 'answer'>): string {
  return `${explanation.replace(/。$/, '')}，选${letters[answer]}。`
}

/** The prompt of a conversation whose last message is the user's: the model's answer follows directly. */
export function prompt(turn: string, history: readonly (readonly [user: string, assistant: string])[] = []): string {
  return `${history.map(([user, assistant]) => `问：${user}答：${assistant}${endToken}`).join('')}问：${turn}答：`
}

/** The same format as a chat template for `tokenizer_config.json`. */
export const chatTemplate = [
  '{%- for message in messages -%}',
  "{%- if message['role'] == 'user' -%}{{- '问：' + message['content'] -}}",
  "{%- elif message['role'] == 'assistant' -%}",
  "{{- '答：' -}}{%- generation -%}{{- message['content'] + eos_token -}}{%- endgeneration -%}",
  "{%- else -%}{{- raise_exception('only user and assistant messages are supported') -}}",
  '{%- endif -%}',
  '{%- endfor -%}',
  "{%- if add_generation_prompt -%}{{- '答：' -}}{%- endif -%}",
].join('')
