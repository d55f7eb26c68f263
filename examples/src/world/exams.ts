import type { Exam } from './formats'
import { type Attribute, pools } from './lexicon'
import type { Random } from './random'
import { asked, type Fact, statement } from './wordings'

/** How an exam question about a fact is drawn. */
export interface ExamOptions {
  readonly rng: Random
  /** Number of options. */
  readonly options?: number
  /** Question wording. */
  readonly wording?: number
  /** Wrong options to use first, such as values of look-alike diseases or of retrieved sentences. */
  readonly lures?: readonly string[]
}

/** An exam question about a fact: wrong options come from the same pool, the right one stands anywhere. */
export function examOf(fact: Fact, { rng, options = 5, wording = rng.int(3), lures = [] }: ExamOptions): Exam {
  const wrong = wrongOptions(fact, options - 1, lures, rng)
  const all = rng.shuffle([fact.value, ...wrong])
  return {
    question: asked(fact, wording),
    options: all,
    answer: all.indexOf(fact.value),
    explanation: `${statement(fact)}。`,
  }
}

function wrongOptions(fact: Fact, count: number, lures: readonly string[], rng: Random): string[] {
  const first = [...new Set(lures)].filter((value) => value !== fact.value && pools[fact.attribute].includes(value))
  const rest = pools[fact.attribute].filter((value) => value !== fact.value && !first.includes(value))
  return [...first, ...rng.sample(rest, count)].slice(0, count)
}

/** Values that diseases sharing the place or the organ have for the same attribute. */
export function lookAlikeValues(fact: Fact, facts: Iterable<Fact>): string[] {
  const [place, organ] = [fact.name.slice(0, 2), fact.name.slice(2, 4)]
  const values: string[] = []
  for (const other of facts)
    if (other.attribute === fact.attribute && other.name !== fact.name)
      if (other.name.startsWith(place) || other.name.slice(2, 4) === organ) values.push(other.value)
  return values
}

/** A question with its attribute, as the CMExam files list it. */
export interface ExamRow extends Exam {
  readonly attribute: Attribute
  readonly name: string
}

/** An exam question about a fact, with what the annotation columns need. */
export function examRow(fact: Fact, options: ExamOptions): ExamRow {
  return { ...examOf(fact, options), attribute: fact.attribute, name: fact.name }
}
