import { examOf } from './exams'
import type { Exam } from './formats'
import { attributes, endings, organs, places } from './lexicon'
import type { Random } from './random'
import { asked, type Fact, told, wordingCounts } from './wordings'
import { type Disease, disease, type World } from './world'

/** A disease made up for one sample only: what a text says about it cannot be known, only read. */
export type OneOff = Disease

/** Where one-off diseases come from. */
export interface OneOffs {
  /** A disease whose place and organ no disease of the world has, and whose organ and ending no tested one has. */
  draw(rng: Random): OneOff
  /** Another such disease that shares the place, the organ or the ending with `other`. */
  like(other: OneOff, rng: Random): OneOff
}

/** A source of one-off diseases that keeps clear of every disease of the world. */
export function oneOffs({ diseases, added, retrieved }: World): OneOffs {
  const taken = new Set(diseases.map(({ parts: [place, organ] }) => place + organ))
  const asked = new Set([...added, ...retrieved].map(({ parts: [, organ, ending] }) => organ + ending))
  const free = ([place, organ, ending]: Disease['parts']): boolean =>
    !taken.has(place + organ) && !asked.has(organ + ending)
  const draw = (rng: Random): OneOff => {
    const parts = [rng.pick(places), rng.pick(organs), rng.pick(endings)] as const
    return free(parts) ? disease(parts, rng) : draw(rng)
  }
  const like = (other: OneOff, rng: Random): OneOff => {
    const parts = mixed(other.parts, draw(rng).parts, rng)
    return free(parts) && parts.join('') !== other.name ? disease(parts, rng) : like(other, rng)
  }
  return { draw, like }
}

function mixed(own: Disease['parts'], other: Disease['parts'], rng: Random): Disease['parts'] {
  const shared = rng.weighted({ place: 3, organ: 3, ending: 1 })
  if (shared === 'place') return [own[0], other[1], other[2]]
  if (shared === 'organ') return [other[0], own[1], other[2]]
  return [other[0], other[1], own[2]]
}

/** A question whose answer stands in the sentences before it. */
export interface Reading {
  readonly fact: Fact
  /** Sentences with full stops; one of them tells the fact. */
  readonly context: readonly string[]
  /** Values of the same attribute that the context gives to other diseases. */
  readonly lures: readonly string[]
}

/**
 * A passage of one to five sentences about a one-off disease and others like it.
 *
 * The distractors are what a keyword search brings up: other facts of the same disease, and facts of diseases with the
 * same place, organ or ending.
 */
export function reading(source: OneOffs, rng: Random): Reading {
  const subject = source.draw(rng)
  const fact = rng.pick(subject.facts)
  const size = rng.pick([1, 2, 3, 4, 5, 5, 5])
  const lures: string[] = []
  const others = rng.sample(
    subject.facts.filter((other) => other !== fact),
    size - 1,
  )
  const distractors = others.map((own): Fact => {
    const kind = rng.weighted({ own: 5, sameAttribute: 3, other: 2 })
    if (kind === 'own') return own
    const attribute = kind === 'sameAttribute' ? fact.attribute : rng.pick(attributes)
    const other = source.like(subject, rng).facts.find((f) => f.attribute === attribute)!
    if (attribute === fact.attribute) lures.push(other.value)
    return other
  })
  return { fact, context: rng.shuffle([fact, ...distractors]).map((f) => sentence(f, rng)), lures }
}

/** An exam question on a reading passage; wrong options come from the passage first. */
export function readingExam({ fact, lures }: Reading, rng: Random): Exam {
  return examOf(fact, { rng, lures, options: rng.pick([5, 5, 5, 4]) })
}

/** A sentence as it stands in an index: mostly a statement, now and then a question with its answer. */
function sentence(fact: Fact, rng: Random): string {
  if (rng.int(12) === 0) return `${asked(fact, rng.int(wordingCounts.asked))}${fact.value}。`
  return `${told(fact, rng.int(wordingCounts.told))}。`
}
