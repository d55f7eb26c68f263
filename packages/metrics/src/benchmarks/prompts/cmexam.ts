import type { ChoicePrompter, ChoiceQuestion } from './choice-prompt'

/**
 * Whose CMExam prompts are used, byte for byte:
 *
 * - `default` (ours): `问题：…\n选项：\n…\n答案：`, with examples before it if there are shots.
 * - `qilin-scripts`: Qilin-Med's evaluator; question, options as stored, `答案：`. Its few-shot examples are built but never put into
 *   the prompt, so shots change nothing.
 * - `cmexam-lora`: CMExam's LoRA models; template 1 of its training data (`问题: …, \n 选项: …`) and the mark `### 回答:`.
 */
export type CmexamPreset = 'default' | 'qilin-scripts' | 'cmexam-lora'

/** The prompter of a preset for the answer. */
export function cmexamPrompter(preset: CmexamPreset): ChoicePrompter {
  switch (preset) {
    case 'default':
      return (question, shots) => {
        const shared = shots.map((shot) => `${plain(shot)}答案：${shot.answer}\n\n`).join('')
        return { prompt: `${shared}${plain(question)}答案：`, sharedPrefix: shared.length }
      }
    case 'qilin-scripts':
      return (question) => ({ prompt: `${question.question}\n${stored(question)}\n答案：` })
    case 'cmexam-lora':
      return (question) => ({ prompt: `${loraQuestion(question)}\n### 回答:\n` })
  }
}

/** The prompter of a preset for the explanation, asked for without telling the answer. */
export function cmexamExplanationPrompter(preset: CmexamPreset): (question: ChoiceQuestion) => string {
  if (preset === 'cmexam-lora') return (question) => `${loraQuestion(question)}\n### 回答:\n`
  if (preset === 'qilin-scripts') return (question) => `${question.question}\n${stored(question)}\n解释：`
  return (question) => `${plain(question)}解析：`
}

/** Options as the data file has them; `A text` a line where it does not say. */
const stored = ({ optionsText, options }: ChoiceQuestion): string =>
  optionsText ?? options.map(({ letter, text }) => `${letter} ${text}`).join('\n')

const plain = (question: ChoiceQuestion): string => `问题：${question.question}\n选项：\n${stored(question)}\n`

const loraQuestion = (question: ChoiceQuestion): string => `问题: ${question.question}, \n 选项: ${stored(question)}`
