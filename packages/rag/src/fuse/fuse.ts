import { numberWithin, oneOf, RagError, shown, wholeNumber } from '../errors'
import { checkedHits, type Hit, type Retriever } from '../retriever'
import { fusionWeights, reciprocalRankFusion, summed } from './rank-fusion'

/** Options of `fuse`. */
export interface FuseOptions {
  /** `rrf`: by rank only. `weighted`: sum of scores, each list scaled so that its best is 1 and its worst 0. */
  readonly method?: 'rrf' | 'weighted'
  /** `rrf` only: weight / (constant + rank). */
  readonly constant?: number
  /** One weight a retriever; default 1 each. */
  readonly weights?: readonly number[] | undefined
  /** Hits asked of every retriever, at least `k`. More lets a document that is far down in both lists come up. */
  readonly depth?: number
}

/** A hit of several retrievers. */
export interface FusedHit extends Hit {
  /** Rank in each retriever's list, from 1; undefined where it was not found. */
  readonly ranks: readonly (number | undefined)[]
}

/** A retriever that tells where its hits came from. */
export interface FusedRetriever extends Retriever {
  retrieve(...query: Parameters<Retriever['retrieve']>): Promise<FusedHit[]>
}

/** The fusion of MedicalGPT's default retriever: equal weights of 0.5 and a constant of 2. */
export const medicalGptFusion: FuseOptions = { method: 'rrf', constant: 2, weights: [0.5, 0.5] }

/**
 * A retriever that asks all of `retrievers` at once and merges their hits by document id.
 *
 * @throws RagError (`option`) for no retriever or wrong weights; while retrieving (`duplicate-id`) when two different
 *   texts share an id
 */
export function fuse(retrievers: readonly Retriever[], options: FuseOptions = {}): FusedRetriever {
  const { method = 'rrf', constant = 60, depth = 50 } = options
  oneOf('fuse', 'method', method, ['rrf', 'weighted'])
  numberWithin('fuse', 'constant', constant, 0)
  wholeNumber('fuse', 'depth', depth, 1)
  if (retrievers.length === 0)
    throw new RagError('option', 'fuse: expected at least one retriever, got none. Pass an array of retrievers.', {
      operation: 'fuse',
    })
  const weights = fusionWeights('fuse', options.weights, retrievers.length)
  const merge = (lists: readonly Hit[][]): [string, number][] =>
    method === 'rrf'
      ? reciprocalRankFusion(
          lists.map((hits) => hits.map(({ id }) => id)),
          { constant, weights },
        )
      : summed(lists.map((hits, i) => scaled(hits, weights[i]!)))
  return {
    async retrieve(query, retrieve = {}) {
      const k = checkedHits('fuse', retrieve)
      const each = { k: Math.max(k, depth), signal: retrieve.signal }
      const lists = await Promise.all(retrievers.map((retriever) => retriever.retrieve(query, each)))
      const found = byId(lists)
      return merge(lists)
        .slice(0, k)
        .map(([id, score]) => ({ ...found.get(id)!, score }))
    },
  }
}

/** Scores from 0 (worst of the list) to `weight` (best); a list of equal scores gets `weight` throughout. */
function scaled(hits: readonly Hit[], weight: number): [string, number][] {
  const scores = hits.map(({ score }) => score)
  const worst = Math.min(...scores)
  const range = Math.max(...scores) - worst
  return hits.map(({ id, score }) => [id, range === 0 ? weight : (weight * (score - worst)) / range])
}

function byId(lists: readonly Hit[][]): Map<string, FusedHit> {
  const found = new Map<string, FusedHit>()
  lists.forEach((hits, list) => {
    hits.forEach((hit, i) => {
      const known = found.get(hit.id)
      if (known !== undefined && known.text !== hit.text) throw differing(hit.id)
      const ranks = known?.ranks ?? lists.map(() => undefined)
      found.set(hit.id, { ...(known ?? hit), ranks: ranks.with(list, i + 1) })
    })
  })
  return found
}

const differing = (id: string): RagError =>
  new RagError(
    'duplicate-id',
    `fuse: expected one text under the id ${shown(id)}, got two different ones. Build all retrievers from the same documents.`,
    { operation: 'fuse', id },
  )
