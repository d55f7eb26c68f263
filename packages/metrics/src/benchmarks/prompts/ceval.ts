import { cevalThought } from '../../extract/ceval'
import { cevalSubjects } from './ceval-subjects'
import { type ChoicePrompter, type ChoiceQuestion, questionWithOptions } from './choice-prompt'

/**
 * Whose C-Eval prompts are used, byte for byte:
 *
 * - `default` (ours): plain continuation, Chinese subject name, header with 考试.
 * - `ceval`: the benchmark's own LLaMA evaluator; the same with the English subject key in the header.
 * - `qilin-scripts`: Qilin-Med's Baichuan evaluator; chat rounds, English key; without shots the bare question.
 * - `lm-eval`: lm-evaluation-harness `ceval-valid`; header without 考试, a space before the letter.
 * - `llamafactory`: LLaMA-Factory `eval`; chat turns, Chinese name.
 */
export type CevalPreset = 'default' | 'ceval' | 'qilin-scripts' | 'lm-eval' | 'llamafactory'

/** The prompter of a preset; with `thought`, examples and question ask for a chain of thought (`ceval` and `qilin-scripts`). */
export function cevalPrompter(
  preset: CevalPreset,
  { thought = false }: { readonly thought?: boolean } = {},
): ChoicePrompter {
  switch (preset) {
    case 'default':
      return continuation((subject) => header(chineseName(subject)), false, true)
    case 'ceval':
      return continuation(header, thought, false)
    case 'qilin-scripts':
      return chatRounds(thought)
    case 'lm-eval':
      return harness
    case 'llamafactory':
      return turns
  }
}

const chineseName = (subject: string): string => cevalSubjects[subject]?.[0] ?? subject

const header = (subject: string): string => `以下是中国关于${subject}考试的单项选择题，请选出其中的正确答案。\n\n`

/** The answer of an example as a chain of thought. */
const reasoned = ({ explanation = '', answer = '' }: ChoiceQuestion): string =>
  `让我们一步一步思考，\n${explanation}\n所以答案是${answer}。`

const continuation =
  (headerOf: (subject: string) => string, thought: boolean, headerAlways: boolean): ChoicePrompter =>
  (question, shots) => {
    const examples = shots
      .map((shot) => `${questionWithOptions(shot)}\n答案：${thought ? reasoned(shot) : shot.answer}\n\n`)
      .join('')
    // The official evaluator leaves the header out together with the examples.
    const shared = headerAlways || shots.length > 0 ? headerOf(question.subject ?? '') + examples : ''
    const prompt = `${shared}${questionWithOptions(question)}\n答案：${thought ? cevalThought : ''}`
    return { prompt, sharedPrefix: shared.length }
  }

const chatRounds =
  (thought: boolean): ChoicePrompter =>
  (question, shots) => {
    const query = `${questionWithOptions(question)}\n答案：`
    if (shots.length === 0) return { prompt: query }
    const rounds = shots.map((shot, i) => {
      const asked = `${i === 0 ? header(question.subject ?? '') : ''}${questionWithOptions(shot)}\n答案：`
      return `[Round ${i + 1}]\n\n问：${asked}\n\n答：${thought ? reasoned(shot) : shot.answer}\n\n`
    })
    const shared = rounds.join('')
    // The script decodes from two tokens before the end of the prompt, so that its pattern 答：X can match.
    return {
      prompt: `${shared}[Round ${shots.length + 1}]\n\n问：${query}\n\n答：`,
      outputPrefix: '答：',
      sharedPrefix: shared.length,
    }
  }

const harness: ChoicePrompter = (question, shots) => {
  const text = (q: ChoiceQuestion): string => `${questionWithOptions({ ...q, question: q.question.trim() })}\n答案：`
  const description = `以下是中国关于${chineseName(question.subject ?? '')}的单项选择题，请选出其中的正确答案。\n\n`
  const shared = description + shots.map((shot) => `${text(shot)} ${shot.answer}\n\n`).join('')
  return { prompt: shared + text(question), letter: (letter) => ` ${letter}`, sharedPrefix: shared.length }
}

const turns: ChoicePrompter = (question, shots) => {
  const text = (q: ChoiceQuestion): string => `${questionWithOptions(q)}\n答案：`
  const messages = [...shots, question].flatMap((q, i) => {
    const asked = {
      role: 'user' as const,
      content: (i === 0 ? header(chineseName(question.subject ?? '')) : '') + text(q),
    }
    return i < shots.length ? [asked, { role: 'assistant' as const, content: q.answer ?? '' }] : [asked]
  })
  return { prompt: messages }
}
