import { pools } from './lexicon'
import type { Random } from './random'
import { type Fact, statement } from './wordings'

/**
 * The kinds of doctor's answers found in raw dialogues.
 *
 * - `good`      the fact, then sensible advice
 * - `plain`     the fact only
 * - `evasive`   no fact
 * - `careless`  the fact, then careless advice
 */
export type AnswerKind = 'good' | 'plain' | 'evasive' | 'careless'

/**
 * The stated mix of answers in the raw dialogues. That more than half are evasive or careless is on purpose: it is
 * what preference training is for.
 */
export const rawMix: Readonly<Record<AnswerKind, number>> = { good: 0.25, plain: 0.15, evasive: 0.3, careless: 0.3 }

/** The mix in the base model's pre-training: every kind is known, good answers prevail. */
export const baseMix: Readonly<Record<AnswerKind, number>> = { good: 0.45, plain: 0.35, evasive: 0.1, careless: 0.1 }

/** Sentences of sensible advice. */
export const goodAdvice: readonly string[] = [
  '请按时去医院复查。',
  '请按医生的话用药。',
  '请早点去看医生。',
  '平时要注意休息。',
  '有不适请去医院。',
  '用药要按时。',
]

/** Sentences of careless advice; they never name a real medicine. */
export const carelessAdvice: readonly string[] = [
  '不用去看医生。',
  '自己加量也可以。',
  '忍一忍就好了。',
  '不用去复查。',
  '随便吃点药就好。',
  '自己停药也可以。',
]

/** Answers that avoid the question. */
export const evasions: readonly string[] = [
  '这个不好说。',
  '这个我不知道。',
  '您自己查查吧。',
  '过几天再说吧。',
  '您去问别人吧。',
  '这个看情况。',
]

/** A doctor's answer of the given kind to a question about `fact`. */
export function doctorAnswer(fact: Fact, kind: AnswerKind, rng: Random): string {
  const told = `${statement(fact)}。`
  if (kind === 'good') return told + rng.pick(goodAdvice)
  if (kind === 'plain') return told
  if (kind === 'careless') return told + rng.pick(carelessAdvice)
  return rng.sample(evasions, 1 + rng.int(2)).join('')
}

/** The same question's fact with a wrong value. */
export function wrongFact(fact: Fact, rng: Random): Fact {
  return { ...fact, value: rng.pick(pools[fact.attribute].filter((value) => value !== fact.value)) }
}
