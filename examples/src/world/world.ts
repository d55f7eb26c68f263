import { type Attribute, attributes, endings, organs, places, pools } from './lexicon'
import { type Random, random } from './random'
import type { Fact } from './wordings'

/**
 * Where a fact may appear.
 *
 * - `p`  told and asked in the base model's own pre-training; repeated in the pipeline's data so that it is kept
 * - `a`  told in CPT texts, asked in SFT
 * - `b`  told in CPT texts, asked only in the test
 * - `v`  like `b`, asked only in validation: for every choice made by looking at results
 * - `c`  only in the knowledge base, asked only in the test
 * - `w`  like `c`, asked only in validation
 */
export type Split = 'p' | 'a' | 'b' | 'v' | 'c' | 'w'

/** One invented disease: its name in three parts and one value for each attribute. */
export interface Disease {
  readonly name: string
  readonly parts: readonly [place: string, organ: string, ending: string]
  readonly facts: readonly Fact[]
}

/** The invented world: every disease, and the split of every fact. */
export interface World {
  readonly seed: number
  readonly diseases: readonly Disease[]
  /** Diseases of the base model's pre-training; all their facts are `p`. */
  readonly known: readonly Disease[]
  /** Diseases that CPT adds; their facts are `a`, `b` or `v`. */
  readonly added: readonly Disease[]
  /** Diseases that only the knowledge base tells of; their facts are `c` or `w`. */
  readonly retrieved: readonly Disease[]
  /** Facts of each split, in the order of the diseases. */
  readonly facts: Readonly<Record<Split, readonly Fact[]>>
  splitOf(fact: Pick<Fact, 'name' | 'attribute'>): Split
}

/** How many diseases of each kind the world has, and how the added ones' facts are split. */
export const worldSize = {
  known: 240,
  added: 56,
  retrieved: 48,
  /** Retrieved diseases that are kept for validation. */
  retrievedForValidation: 8,
  /** Of the 56 facts about an attribute of the added diseases: so many `a`, so many `b`, the rest `v`. */
  askedInTraining: 23,
  askedInTest: 23,
} as const

/** The world of a seed: 344 diseases with 8 facts each, no two with the same place and organ. */
export function buildWorld({ seed = 1 }: { readonly seed?: number } = {}): World {
  const rng = random(seed, 'world')
  const total = worldSize.known + worldSize.added + worldSize.retrieved
  const names = drawNames(rng.fork('names'), total)
  const values = (group: string, parts: Disease['parts']) => disease(parts, rng.fork(`${group}/${parts.join('')}`))
  const diseases = names.map((parts, i) => values(i < worldSize.known ? 'values' : 'new-values', parts))
  const known = diseases.slice(0, worldSize.known)
  const added = diseases.slice(worldSize.known, worldSize.known + worldSize.added)
  const retrieved = diseases.slice(worldSize.known + worldSize.added)
  const splits = assignSplits({ known, added, retrieved }, rng.fork('splits'))
  const splitOf = ({ name, attribute }: Pick<Fact, 'name' | 'attribute'>): Split => splits.get(`${name}/${attribute}`)!
  const all = diseases.flatMap((d) => d.facts)
  const of = (split: Split): Fact[] => all.filter((fact) => splitOf(fact) === split)
  const facts = { p: of('p'), a: of('a'), b: of('b'), v: of('v'), c: of('c'), w: of('w') }
  return { seed, diseases, known, added, retrieved, facts, splitOf }
}

/** A disease with the given name and values drawn independently from the pools. */
export function disease(parts: Disease['parts'], rng: Random): Disease {
  const name = parts.join('')
  return { name, parts, facts: attributes.map((attribute) => ({ name, attribute, value: rng.pick(pools[attribute]) })) }
}

/**
 * Names with unlike pairs of place and organ, so that no single part tells the disease, and unlike pairs of organ and
 * ending, so that a question on one disease is not nearly a question on another.
 */
function drawNames(rng: Random, count: number): Disease['parts'][] {
  const taken = new Set<string>()
  const names: Disease['parts'][] = []
  for (const [place, organ] of rng.shuffle(places.flatMap((p) => organs.map((o) => [p, o] as const)))) {
    const ending = rng.pick(endings)
    if (names.length === count) break
    if (taken.has(organ + ending)) continue
    taken.add(organ + ending)
    names.push([place, organ, ending])
  }
  return names
}

type Groups = Pick<World, 'known' | 'added' | 'retrieved'>

function assignSplits({ known, added, retrieved }: Groups, rng: Random): Map<string, Split> {
  const splits = new Map<string, Split>()
  const put = (d: Disease, attribute: Attribute, split: Split): unknown => splits.set(`${d.name}/${attribute}`, split)
  for (const d of known) for (const attribute of attributes) put(d, attribute, 'p')
  for (const attribute of attributes)
    rng.shuffle(added).forEach((d, i) => {
      const { askedInTraining: a, askedInTest: b } = worldSize
      put(d, attribute, i < a ? 'a' : i < a + b ? 'b' : 'v')
    })
  retrieved.forEach((d, i) => {
    for (const attribute of attributes) put(d, attribute, i < worldSize.retrievedForValidation ? 'w' : 'c')
  })
  return splits
}
