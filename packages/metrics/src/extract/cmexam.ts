import { type AnswerExtractor, type Extraction, found, notFound } from './extractor'

/**
 * Answers as the evaluator of Qilin-Med reads them for CMExam: the last `所以答案是…。` if it is one letter of A to E, else the
 * first run of capital letters anywhere (so `HIV感染选B` gives `HIV`), else the only option whose text, up to its first
 * space, occurs, else `-`. Order counts: `CA` is not `AC`.
 *
 * @see https://github.com/williamliujl/Qilin-Med, `eval/CMExam/evaluators/baichuan.py`
 */
export const qilinCmexamExtractor: AnswerExtractor = (output, options) => {
  const statement = [...output.matchAll(/所以答案是([^\n]+?)。/g)].at(-1)?.[1]
  if (statement !== undefined && /^[A-E]$/.test(statement)) return found(statement)
  const run = /[A-Z]+/.exec(output)
  if (run) return found(run[0])
  const hits = options.filter((option) => output.includes(option.text.split(' ', 1)[0]!))
  return hits.length === 1 ? found(hits[0]!.letter) : notFound('-')
}

/**
 * Answers as CMExam's script for LoRA models reads them: in the first line if 解释 occurs, else in the whole text, every
 * option whose letter or first word is a substring, in option order; `无答案` without any. A letter inside a word counts
 * (`维生素A缺乏，选D` gives `AD`).
 *
 * @see https://github.com/williamliujl/CMExam, `src/evaluation/evaluate_lora_result.py`
 */
export const cmexamLoraExtractor: AnswerExtractor = (output, options) => {
  const text = output.includes('解释') ? output.split('\n', 1)[0]! : output
  const chosen = options.filter(({ letter, text: content }) => {
    const word = content.trim().split(/\s+/)[0]
    return text.includes(letter) || (word !== undefined && word !== '' && text.includes(word))
  })
  return chosen.length > 0 ? found(chosen.map((option) => option.letter).join('')) : notFound('无答案')
}

/** Answer and explanation as read by CMExam's scripts for ChatGLM and GPT. */
export interface AnswerAndExplanation {
  readonly answer: string
  readonly explanation: string
}

/**
 * Answer and explanation as CMExam's scripts for ChatGLM and GPT read them: everything between `答案：` and the last `，` of
 * the line, and everything after `解释：`. Where either is missing both are empty; the two-line format that the prompt asks
 * for has no comma and is never read.
 *
 * @see https://github.com/williamliujl/CMExam, `src/evaluation/evaluate_chatglm_result.py`
 */
export function cmexamRegexParse(output: string): AnswerAndExplanation {
  const answer = /答案：([^\n]*)，/.exec(output)?.[1]
  const explanation = /解释：([^\n]*)/.exec(output)?.[1]
  return answer === undefined || explanation === undefined ? { answer: '', explanation: '' } : { answer, explanation }
}

/** The answer part of `cmexamRegexParse`. The scripts leave unread answers out of the denominator. */
export const cmexamRegexExtractor: AnswerExtractor = (output): Extraction => {
  const { answer } = cmexamRegexParse(output)
  return answer === '' ? notFound() : found(answer)
}
