import { doctorAnswer, wrongFact } from '../answers'
import type { Random } from '../random'
import { asked, type Fact } from '../wordings'
import { jsonArrayTable, jsonLinesTable, type RawTable, type SourceContext } from './table'

/** Preference pairs in each training file; about 70% ask `a` facts, the rest known ones. */
export const preferenceVolume = { zhongjing: 320, reward: 640, askedShare: 0.7 } as const

/** What is wrong with a rejected answer. */
export type Flaw = 'wrong' | 'evasive' | 'careless'

/** A question with a better and a worse answer. */
export interface Preference {
  readonly question: string
  readonly response_chosen: string
  readonly response_rejected: string
  readonly flaw: Flaw
}

/** A pair about a fact: fact and good advice against a wrong fact, an evasion, or careless advice. */
export function preference(fact: Fact, flaw: Flaw, rng: Random): Preference {
  const rejected = flaw === 'wrong' ? doctorAnswer(wrongFact(fact, rng), 'good', rng) : doctorAnswer(fact, flaw, rng)
  return {
    question: asked(fact, rng.int(3)),
    response_chosen: doctorAnswer(fact, 'good', rng),
    response_rejected: rejected,
    flaw,
  }
}

/** The three flaws, in the order in which they are dealt out. */
export const flaws: readonly Flaw[] = ['wrong', 'evasive', 'careless']

/** Zhongjing_rlhf: a JSON array whose `output` lists the better answer before the worse one. */
export function zhongjingRlhf(context: SourceContext): RawTable {
  const rows = pairs(context, preferenceVolume.zhongjing).map((pair) => ({
    instruction: pair.question,
    input: '',
    output: [pair.response_chosen, pair.response_rejected],
    history: [],
  }))
  return jsonArrayTable({ path: 'zhongjing_rlhf/rlhf2000_7_31.json', dataset: 'Zhongjing_rlhf', tables: [3] }, rows)
}

/** MedicalGPT reward: one triple a line. */
export function medicalgptReward(context: SourceContext): RawTable {
  const rows = pairs(context, preferenceVolume.reward).map(({ flaw: _, ...triple }) => triple)
  return jsonLinesTable({ path: 'medicalgpt_reward/train.json', dataset: 'MedicalGPT', tables: [3] }, rows)
}

function pairs({ world, rng }: SourceContext, count: number): Preference[] {
  const asks = Math.round(count * preferenceVolume.askedShare)
  const cycle = rng.shuffle(world.facts.a)
  const facts = [
    ...Array.from({ length: asks }, (_, i) => cycle[i % cycle.length]!),
    ...rng.sample(world.facts.p, count - asks),
  ]
  return rng.shuffle(facts.map((fact, i) => preference(fact, flaws[(i + Math.floor(i / cycle.length)) % 3]!, rng)))
}
