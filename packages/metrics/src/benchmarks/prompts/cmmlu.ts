import { cmmluMedical } from './ceval-subjects'
import { type ChoicePrompter, type ChoiceQuestion, questionWithOptions } from './choice-prompt'

/** Whose CMMLU prompts are used: the benchmark's own (`default`, with 题目 and 答案是) or those of lm-evaluation-harness. */
export type CmmluPreset = 'default' | 'lm-eval'

/** The prompter of a preset. */
export const cmmluPrompter =
  (preset: CmmluPreset): ChoicePrompter =>
  (question, shots) => {
    const description = `以下是关于${cmmluMedical[question.subject ?? ''] ?? question.subject}的单项选择题，请直接给出正确答案的选项。\n\n`
    const text = preset === 'lm-eval' ? harnessText : officialText
    const letter = (answer: string): string => (preset === 'lm-eval' ? ` ${answer}` : answer)
    const shared = description + shots.map((shot) => `${text(shot)}${letter(shot.answer ?? '')}\n\n`).join('')
    return { prompt: shared + text(question), letter, sharedPrefix: shared.length }
  }

const officialText = (question: ChoiceQuestion): string => `题目：${questionWithOptions(question)}\n答案是：`

const harnessText = (question: ChoiceQuestion): string =>
  `${questionWithOptions({ ...question, question: question.question.trim() })}\n答案：`
