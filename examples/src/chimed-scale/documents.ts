import { characterGrams, jaccard } from '@qilin-med/chimed'

/** What a document was made as. */
export type Kind = 'fresh' | 'exact' | 'near' | 'passage' | 'leak'

/** Shares of the documents that are planted; the others are fresh. */
export const shares = { exact: 0.05, near: 0.05, passage: 0.04, leak: 0.005 } as const

/** Characters of a planted passage; the shortest is longer than what the substring step looks for. */
const passageLength = { min: 55, max: 120 }

/** Documents, each a function of the seed and its number alone: none is kept, and any can be made again. */
export interface Documents {
  readonly count: number
  kindOf(index: number): Kind
  /** The two halves of the document: question and answer. */
  make(index: number): Document
}

/** A document, and what is known about it. */
export interface Document {
  readonly question: string
  readonly answer: string
  readonly kind: Kind
  /** The document that it is a copy of. */
  readonly of?: number | undefined
  /** Jaccard similarity with that one, over 5-grams of the whole text. */
  readonly similarity?: number | undefined
  /** The planted passage, and its number. */
  readonly passage?: { readonly number: number; readonly text: string } | undefined
}

/** The text that the data tools compare. */
export const wholeText = ({ question, answer }: Pick<Document, 'question' | 'answer'>): string =>
  `患者：${question}\n医生：${answer}`

/** `count` documents of about 475 bytes, as the 9.5 million samples of the paper have, recombined from phrases. */
export function documents(
  count: number,
  {
    phrases,
    questions,
    seed,
  }: { readonly phrases: readonly string[]; readonly questions: readonly string[]; readonly seed: number },
): Documents {
  const random = (...path: number[]): number => hash(seed, path) / 2 ** 32
  const pick = <T>(list: readonly T[], ...path: number[]): T => list[Math.floor(random(...path) * list.length)]!
  const passages = Math.max(1, Math.floor((count * shares.passage) / 3))

  function kindOf(index: number): Kind {
    if (index < 100) return 'fresh' // the first ones have nothing before them to copy
    let at = random(1, index)
    for (const kind of ['exact', 'near', 'passage', 'leak'] as const) {
      if (at < shares[kind]) return kind
      at -= shares[kind]
    }
    return 'fresh'
  }

  const sentence = (length: number, ...path: number[]): string => {
    let text = ''
    for (let part = 0; text.length < length; part++)
      text += `${text === '' ? '' : part % 3 === 0 ? '。' : '，'}${pick(phrases, ...path, part)}`
    return `${text}。`
  }

  const fresh = (index: number): { question: string; answer: string } => ({
    question: sentence(15 + random(2, index) * 30, 3, index),
    answer: sentence(50 + random(4, index) ** 2 * 205, 5, index),
  })

  /** A fresh document before this one. */
  const earlier = (index: number): number => {
    for (let attempt = 0; ; attempt++) {
      const other = Math.floor(random(6, index, attempt) * index)
      if (kindOf(other) === 'fresh') return other
    }
  }

  /** The answer with some characters exchanged, far from each other. */
  const edited = (answer: string, index: number): string => {
    const characters = [...answer]
    const edits = 1 + Math.floor(random(7, index) * 5)
    for (let edit = 0; edit < edits; edit++) {
      const at = Math.floor(((edit + random(8, index, edit)) / edits) * characters.length)
      characters[at] = pick(phrases, 9, index, edit)[0]!
    }
    return characters.join('')
  }

  const passageText = (number: number): string => {
    const length = passageLength.min + Math.floor(random(10, number) * (passageLength.max - passageLength.min))
    return sentence(length, 11, number)
  }

  function make(index: number): Document {
    const kind = kindOf(index)
    if (kind === 'exact') {
      const of = earlier(index)
      return { ...fresh(of), kind, of }
    }
    const own = fresh(kind === 'near' ? earlier(index) : index)
    if (kind === 'near') {
      const copy = { question: own.question, answer: edited(own.answer, index) }
      const [a, b] = [characterGrams(wholeText(own), 5), characterGrams(wholeText(copy), 5)]
      return { ...copy, kind, of: earlier(index), similarity: jaccard(a, b) }
    }
    if (kind === 'passage') {
      const number = Math.floor(random(12, index) * passages)
      const text = `。${passageText(number)}` // every answer ends with that mark, so it belongs to what is repeated
      return {
        question: own.question,
        answer: `${own.answer.slice(0, -1)}${text}${sentence(20, 13, index)}`,
        kind,
        passage: { number, text },
      }
    }
    if (kind === 'leak') return { question: own.question, answer: `${own.answer}${pick(questions, 14, index)}`, kind }
    return { ...own, kind }
  }

  return { count, kindOf, make }
}

/** A well mixed 32-bit hash of a path of numbers. */
function hash(seed: number, path: readonly number[]): number {
  let h = seed | 0
  for (const value of path) {
    h = Math.imul(h ^ (value | 0), 0x9e3779b1)
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    h ^= h >>> 16
  }
  return h >>> 0
}
