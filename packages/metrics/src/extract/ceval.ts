import { type AnswerExtractor, found, notFound } from './extractor'

/** Phrases tried one after the other; the first that matches anywhere gives the letter. */
const phrases = [
  /([A-D])是正确的/,
  /选项([A-D])正确/,
  /答案为([A-D])/,
  /答案是([A-D])/,
  /答案([A-D])/,
  /选择([A-D])/,
  /答案：([A-D])/,
  /答：([A-D])/,
  /选择答案([A-D])/,
]

/**
 * Answers as Qilin-Med reads them for C-Eval: the last `所以答案是…。` if it is one letter, then a list of phrases in fixed order, then
 * the only letter of the text, then the only option whose text occurs, else `-`.
 *
 * @see https://github.com/williamliujl/Qilin-Med, `eval/C-Eval/evaluators/baichuan.py`
 */
export const qilinCevalExtractor: AnswerExtractor = (output, options) => {
  const statement = [...output.matchAll(/所以答案是(.+?)。/g)].at(-1)?.[1]
  if (statement !== undefined && /^[A-D]$/.test(statement)) return found(statement)
  for (const phrase of phrases) {
    const letter = phrase.exec(output)?.[1]
    if (letter !== undefined) return found(letter)
  }
  const letters = output.match(/[A-D]/g) ?? []
  if (letters.length === 1) return found(letters[0]!)
  const hits = options.filter((option) => output.includes(option.text))
  return hits.length === 1 ? found(hits[0]!.letter) : notFound('-')
}
