import type { Random } from './random'
import { type Fact, told, toldHeldOut, wordingCounts } from './wordings'

/** A function that returns the next wording of a fact, so that each is used equally often, in an order of its own. */
export type WordingDeck = (fact: Fact) => number

/** A deck over the training wordings: no wording of a fact comes again before all others have come. */
export function wordingDeck(rng: Random): WordingDeck {
  const left = new Map<string, number[]>()
  const fresh = [...Array(wordingCounts.told).keys()]
  return (fact) => {
    const key = `${fact.name}/${fact.attribute}`
    const deck = left.get(key)?.length ? left.get(key)! : rng.shuffle(fresh)
    left.set(key, deck)
    return deck.pop()!
  }
}

/** The facts in random order, each in its next wording, every sentence with its full stop. */
export function paragraph(facts: readonly Fact[], rng: Random, deck: WordingDeck): string {
  return rng
    .shuffle(facts)
    .map((fact) => `${told(fact, deck(fact))}。`)
    .join('')
}

/** The facts in random order, each in a random training wording. */
export function freeParagraph(facts: readonly Fact[], rng: Random): string {
  return paragraph(facts, rng, () => rng.int(wordingCounts.told))
}

/** The facts in random order, each in a wording that no training text uses. */
export function heldOutParagraph(facts: readonly Fact[], rng: Random): string {
  return rng
    .shuffle(facts)
    .map((fact) => `${toldHeldOut(fact, rng.int(wordingCounts.heldOut))}。`)
    .join('')
}
