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
  const statement = [...output.matchAll(/所以答案是([^\n]+?)。/g)].at(-1)?.[1]
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

/** Where a chain of thought begins in the prompts of C-Eval's LLaMA evaluator; the model's text goes on behind `1.`. */
export const cevalThought = '让我们一步一步思考，\n1.'

/** Its patterns in order. `$` is Python's: the end of the text or the line break before it. */
const llamaPatterns = [
  /答案是?\s?([ABCD])/,
  /答案是?\s?：([ABCD])/,
  /答案是?\s?:([ABCD])/,
  /答案应该?是\s?([ABCD])/,
  /答案应该?选\s?([ABCD])/,
  /答案为\s?([ABCD])/,
  /选择\s?([ABCD])/,
  /只有选?项?\s?([ABCD])\s?是?对/,
  /只有选?项?\s?([ABCD])\s?是?错/,
  /只有选?项?\s?([ABCD])\s?不?正确/,
  /只有选?项?\s?([ABCD])\s?错误/,
  /说法不?对选?项?的?是\s?([ABCD])/,
  /说法不?正确选?项?的?是\s?([ABCD])/,
  /说法错误选?项?的?是\s?([ABCD])/,
  /([ABCD])\s?是正确的/,
  /([ABCD])\s?是正确答案/,
  /选项\s?([ABCD])\s?正确/,
  /所以答\s?([ABCD])/,
  /1.\s?([ABCD])[.。$]?(?=\n?$)/,
  /所以\s?([ABCD][.。$]?(?=\n?$))/,
  /所有\s?([ABCD][.。$]?(?=\n?$))/,
  /[\s，：:,]([ABCD])[。，,.]?(?=\n?$)/,
  /[\s，,：:][故即]([ABCD])[。.]?(?=\n?$)/,
  /[\s，,：:]因此([ABCD])[。.]?(?=\n?$)/,
  /[是为。]\s?([ABCD])[。.]?(?=\n?$)/,
  /因此\s?([ABCD])[。.]?(?=\n?$)/,
  /显然\s?([ABCD])[。.]?(?=\n?$)/,
  /1.\s?([^\n]*?)(?=\n?$)/,
  /答案是\s?(\S+)(?:。|(?=\n?$))/,
  /答案应该是\s?(\S+)(?:。|(?=\n?$))/,
  /答案为\s?(\S+)(?:。|(?=\n?$))/,
]

/**
 * Answers of a chain of thought as C-Eval's own LLaMA evaluator reads them: the first of 31 patterns that matches, in the part before the
 * model begins another chain. A match may be an option's text instead of its letter; anything else counts as wrong.
 *
 * @param output  what the model wrote after `cevalThought`
 * @see https://github.com/hkust-nlp/ceval, `code/evaluator_series/evaluators/llama.py`
 */
export const cevalLlamaExtractor: AnswerExtractor = (output, options) => {
  const thought = cevalThought + output.split('让我们一步一步思考', 1)[0]!
  for (const pattern of llamaPatterns) {
    const match = pattern.exec(thought)?.[1]
    if (match === undefined) continue
    return found(options.find((option) => option.text === match)?.letter ?? match)
  }
  return notFound()
}
