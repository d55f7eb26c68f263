import { numberWithin, RagError } from '../errors'

/** Options of `reciprocalRankFusion`. */
export interface RankFusionOptions {
  /** How slowly the credit falls with the rank: weight / (constant + rank), rank from 1. */
  readonly constant?: number
  /** One weight a list; default 1 each. */
  readonly weights?: readonly number[] | undefined
}

/**
 * Fused scores of the ids in `lists`, best first; ids with equal scores in order of first appearance.
 *
 * @throws RagError (`option`) when the weights do not match the lists or are negative
 * @see Cormack, Clarke, Büttcher 2009, Reciprocal rank fusion (https://doi.org/10.1145/1571941.1572114)
 */
export function reciprocalRankFusion(
  lists: readonly (readonly string[])[],
  { constant = 60, weights }: RankFusionOptions = {},
): [id: string, score: number][] {
  const operation = 'reciprocalRankFusion'
  const k = numberWithin(operation, 'constant', constant, 0)
  const checked = fusionWeights(operation, weights, lists.length)
  const credits = lists.map((list, i) => list.map((id, r): [string, number] => [id, checked[i]! / (k + r + 1)]))
  return summed(credits)
}

/** Scores added up by id, best first; equal ones in order of first appearance. */
export function summed(lists: readonly (readonly [id: string, score: number][])[]): [id: string, score: number][] {
  const total = new Map<string, number>()
  for (const list of lists) for (const [id, score] of list) total.set(id, (total.get(id) ?? 0) + score)
  return [...total].sort(([, a], [, b]) => b - a)
}

/** Checked weights, one a list; 1 each by default. */
export function fusionWeights(
  operation: string,
  weights: readonly number[] | undefined,
  lists: number,
): readonly number[] {
  if (weights === undefined) return Array.from({ length: lists }, () => 1)
  if (weights.length !== lists)
    throw new RagError(
      'option',
      `${operation}: expected ${lists} weights, one a list, got ${weights.length}. Give every list its weight.`,
      { operation },
    )
  return weights.map((weight, i) => numberWithin(operation, `weight ${i}`, weight, 0))
}
