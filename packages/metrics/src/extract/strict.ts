import { type AnswerExtractor, type AnswerOption, type Extraction, found, notFound } from './extractor'

/**
 * The default reading of an exam answer: strict, so that a guess is never made for the model. In this order:
 *
 * 1. Statements such as `答案：A`, `答案是AC`, `选 B`, `D是正确的`, `The answer is C`. If all agree, that is the answer; if
 *    not, those introduced by 所以, 因此, 故, 综上, 最终 or 最后 decide; if these do not agree either, there is no answer.
 *    Negated ones (`不选A`, `答案不是A`, `A错误`) do not count.
 * 2. A text that begins with the letters alone: `A`, `B.`, `A、C`, `(D)`, `C 能补、能缓`.
 * 3. The text of exactly one option occurs in the output (an option contained in a longer one that occurs does not count).
 *
 * Letters must be among the options; full-width ones count; several come out once each, in option order. A letter that
 * begins an option's own text (`B超`, `C反应蛋白`) is read as that text, not as a letter.
 */
export const strictExtractor: AnswerExtractor = (output, options) => {
  const text = output.normalize('NFKC')
  const letters = options.map((option) => option.letter).join('')
  if (letters === '') return notFound()
  return (
    fromStatements(text, letters, options) ??
    fromOpening(text, letters, options) ??
    fromOptionText(text, options) ??
    notFound()
  )
}

/** Letters with separators between them, and nothing after that makes them part of a word or denies them. */
const letterList = (letters: string): string =>
  `(?<list>[${letters}](?:[\\s、,，;；和及与]*[${letters}])*)(?![A-Za-z0-9])(?!${denial})`
const denial = '[\\s"\'”)）】]*(?:选项|项)?(?:都|均|是|为)?(?:错|误|不)'
const opening = '[\\s"\'“(（【:：]*'

function statementPatterns(letters: string): RegExp[] {
  const list = letterList(letters)
  return [
    new RegExp(`答案(?:应该|应当|应)?(?:是|为|选|:|：|\\s)*(?:选项)?${opening}${list}`, 'g'),
    new RegExp(`(?<![不别勿未])(?:应选择|应选|故选|选择|选)(?!项)(?:答案|是|为|了|:|：|\\s)*${opening}${list}`, 'g'),
    new RegExp(`(?<![A-Za-z0-9])(?<list>[${letters}])(?:选项|项)?(?:是|为)?(?:最)?(?:正确|对的)`, 'g'),
    new RegExp(`[Aa]nswer(?: is|:|：|\\s)*(?:option )?${opening}${list}`, 'g'),
  ]
}

const conclusion = /(?:所以|因此|故|综上|最终|最后)[^。！？\n]{0,12}$/

function fromStatements(text: string, letters: string, options: readonly AnswerOption[]): Extraction | undefined {
  const all: string[] = []
  const concluding: string[] = []
  for (const pattern of statementPatterns(letters))
    for (const match of text.matchAll(pattern)) {
      const list = match.groups!.list!
      const at = match.index + match[0].lastIndexOf(list)
      if (beginsOptionText(text, at, options)) continue
      const answer = inOrder(list, letters)
      all.push(answer)
      // `故选` carries its conclusion within, so the match's own beginning belongs to what is looked at.
      if (conclusion.test(text.slice(0, at))) concluding.push(answer)
    }
  if (all.length === 0) return undefined
  if (new Set(all).size === 1) return found(all[0]!)
  return new Set(concluding).size === 1 ? found(concluding[0]!) : notFound()
}

function fromOpening(text: string, letters: string, options: readonly AnswerOption[]): Extraction | undefined {
  const match = new RegExp(`^${opening}${letterList(letters)}`).exec(text)
  if (!match) return undefined
  const list = match.groups!.list!
  const at = match[0].length - list.length
  if (beginsOptionText(text, at, options)) return undefined
  const rest = text.slice(match[0].length)
  const chosen = options.find((option) => option.letter === list)
  const alone =
    rest === '' || /^[\s"'”)）】.。、:：,，;；]/.test(rest) || (chosen !== undefined && rest.startsWith(chosen.text))
  return alone ? found(inOrder(list, letters)) : undefined
}

function fromOptionText(text: string, options: readonly AnswerOption[]): Extraction | undefined {
  const bare = withoutPunctuation(text)
  const hits = options.filter((option) => {
    const wanted = withoutPunctuation(option.text.normalize('NFKC'))
    return wanted !== '' && bare.includes(wanted)
  })
  const longest = hits.filter(
    (hit) =>
      !hits.some((other) => other !== hit && other.text.length > hit.text.length && other.text.includes(hit.text)),
  )
  return longest.length === 1 ? found(longest[0]!.letter) : undefined
}

/** Whether an option's own text, which starts with that letter, stands at this place. */
const beginsOptionText = (text: string, at: number, options: readonly AnswerOption[]): boolean =>
  options.some(
    (option) =>
      option.text.length > 1 && option.text[0] === text[at] && text.startsWith(option.text.normalize('NFKC'), at),
  )

const inOrder = (list: string, letters: string): string =>
  [...letters].filter((letter) => list.includes(letter)).join('')

const withoutPunctuation = (text: string): string => text.replace(/[\s\p{P}]/gu, '')
