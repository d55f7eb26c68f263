import { placesWriter, type Span } from './span'

/** Unicode normalisation forms. */
export type UnicodeForm = 'NFC' | 'NFD' | 'NFKC' | 'NFKD'

/** A character on its way through normalisation: how many input characters it uses up beyond (-) or short of (+) its own. */
interface Moving {
  readonly character: string
  readonly change: number
}

/**
 * A span in a Unicode normalisation form. A character that several were composed to takes the place of the first of
 * them, as in the reference library.
 */
export const unicodeForm = (span: Span, form: UnicodeForm, track: boolean): Span => {
  const text = span.text.normalize(form)
  if (text === span.text) return span
  if (!track) return { text, base: span.base, places: undefined }
  const input = [...span.text]
  const decomposed = reorder(input.flatMap((character) => decompose(character, form)))
  const output = form === 'NFC' || form === 'NFKC' ? compose(decomposed) : decomposed
  return { text, base: span.base, places: placesOf(span, input, output, text.length) }
}

const placesOf = (span: Span, input: readonly string[], output: readonly Moving[], length: number) => {
  const writer = placesWriter(span, length)
  const starts = [0]
  for (const character of input) starts.push(starts.at(-1)! + character.length)
  let next = 0 // input character that the next output character stands for
  for (const { character, change } of output) {
    const at = change > 0 ? Math.max(next - 1, 0) : next
    writer.add(character.length, starts[at]!, starts[at + 1]!)
    if (change <= 0) next += 1 - change
  }
  return writer.places
}

/** The first character of a decomposition stands for the input character, the others are additions. */
const decompose = (character: string, form: UnicodeForm): Moving[] =>
  [...character.normalize(form === 'NFC' || form === 'NFD' ? 'NFD' : 'NFKD')].map((part, i) => ({
    character: part,
    change: i === 0 ? 0 : 1,
  }))

/** Sorts every run of combining marks by combining class, keeping the order of equals. */
const reorder = (characters: Moving[]): Moving[] => {
  const sorted = [...characters]
  for (let i = 1; i < sorted.length; i++)
    for (let j = i; j > 0 && swaps(sorted[j - 1]!.character, sorted[j]!.character); j--)
      [sorted[j - 1], sorted[j]] = [sorted[j]!, sorted[j - 1]!]
  return sorted
}

const compose = (characters: readonly Moving[]): Moving[] => {
  const output: Moving[] = []
  let starter = -1 // index in `output` of the character that marks may join
  for (const { character, change } of characters) {
    const last = output.at(-1)
    const blocked = starter >= 0 && starter < output.length - 1 && !below(last!.character, character)
    const joined = starter >= 0 && !blocked ? pair(output[starter]!.character, character) : undefined
    if (joined !== undefined) output[starter] = { character: joined, change: output[starter]!.change + change - 1 }
    else {
      if (isStarter(character)) starter = output.length
      output.push({ character, change })
    }
  }
  return output
}

/** The one character that two compose to. */
const pair = (first: string, second: string): string | undefined => {
  const composed = (first + second).normalize('NFC')
  return [...composed].length === 1 ? composed : undefined
}

/** True when normalisation puts `second` before `first`: both are marks and `second` has the lower combining class. */
const swaps = (first: string, second: string): boolean =>
  first > '\u02ff' && second > '\u02ff' && (first + second).normalize('NFD') === second + first && first !== second

/** Marks of the lowest and of the highest combining class. */
const lowest = '\u0334'
const highest = '\u0345'

const isStarter = (character: string): boolean =>
  character <= '\u02ff' ||
  !(swaps(character, lowest) || swaps(highest, character) || character === lowest || character === highest)

/** True when the combining class of `mark` (0 for a starter) is below that of `character`. */
const below = (mark: string, character: string): boolean => !isStarter(mark) && swaps(character, mark)
