import { RagError, shown } from '../errors'

/** One query's result, best first: relevance of each retrieved document (undefined: unjudged), and all judged relevances. */
export interface Ranking {
  readonly retrieved: readonly (number | undefined)[]
  readonly judged: readonly number[]
}

/** A number for one ranking. */
export type Measure = (ranking: Ranking) => number

/**
 * The measure that trec_eval calls `name`.
 *
 * @throws RagError (`option`) for an unknown one
 */
export function measureOf(name: string): Measure {
  const whole = measures[name]
  if (whole !== undefined && Object.hasOwn(measures, name)) return whole
  const [, family, cut] = /^(P|recall|ndcg_cut|map_cut|success)_([1-9]\d*)$/.exec(name) ?? []
  if (family !== undefined) return cutMeasures[family]!(Number(cut))
  throw new RagError(
    'option',
    `trecEval: expected a measure such as map, recip_rank, ndcg_cut_10 or recall_5, got ${shown(name)}. Check its name.`,
    { operation: 'trecEval' },
  )
}

const isRelevant = (relevance: number | undefined): relevance is number => relevance !== undefined && relevance >= 1
const relevantOf = (relevances: readonly (number | undefined)[]): number => relevances.filter(isRelevant).length
const head = ({ retrieved, judged }: Ranking, k: number): Ranking => ({ retrieved: retrieved.slice(0, k), judged })
const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole)

const measures: Readonly<Record<string, Measure>> = {
  map: averagePrecision,
  recip_rank: ({ retrieved }) => share(1, retrieved.findIndex(isRelevant) + 1),
  ndcg: (ranking) => normalisedGain(ranking, Infinity),
  Rprec: (ranking) =>
    share(relevantOf(head(ranking, relevantOf(ranking.judged)).retrieved), relevantOf(ranking.judged)),
  bpref: binaryPreference,
  num_rel_ret: ({ retrieved }) => relevantOf(retrieved),
}

const cutMeasures: Readonly<Record<string, (k: number) => Measure>> = {
  P: (k) => (ranking) => relevantOf(head(ranking, k).retrieved) / k,
  recall: (k) => (ranking) => share(relevantOf(head(ranking, k).retrieved), relevantOf(ranking.judged)),
  ndcg_cut: (k) => (ranking) => normalisedGain(ranking, k),
  map_cut: (k) => (ranking) => averagePrecision(head(ranking, k)),
  success: (k) => (ranking) => (head(ranking, k).retrieved.some(isRelevant) ? 1 : 0),
}

/** Mean, over all relevant documents, of the precision at each one's rank; 0 for those not retrieved. */
function averagePrecision({ retrieved, judged }: Ranking): number {
  let found = 0
  let sum = 0
  retrieved.forEach((relevance, i) => {
    if (isRelevant(relevance)) sum += ++found / (i + 1)
  })
  return share(sum, relevantOf(judged))
}

function normalisedGain({ retrieved, judged }: Ranking, k: number): number {
  const ideal = [...judged].sort((a, b) => b - a)
  return share(gain(retrieved, k), gain(ideal, k))
}

/** Relevances above 0, discounted by log2(rank + 1), over the first `k`. */
function gain(relevances: readonly (number | undefined)[], k: number): number {
  let sum = 0
  for (let i = 0; i < Math.min(k, relevances.length); i++) {
    const relevance = relevances[i]
    if (relevance !== undefined && relevance > 0) sum += relevance / Math.log2(i + 2)
  }
  return sum
}

/** How seldom a judged irrelevant document stands before a relevant one; unjudged documents do not matter. */
function binaryPreference({ retrieved, judged }: Ranking): number {
  const relevant = relevantOf(judged)
  const pool = Math.min(judged.length - relevant, relevant)
  let irrelevantSoFar = 0
  let sum = 0
  for (const relevance of retrieved) {
    if (relevance === undefined) continue
    if (!isRelevant(relevance)) irrelevantSoFar++
    else sum += irrelevantSoFar === 0 ? 1 : 1 - Math.min(irrelevantSoFar, relevant) / pool
  }
  return share(sum, relevant)
}
