import { ChimedError } from '../errors'
import { textOf } from '../record'
import type { ChimedRecord } from '../types'

/** Which member of a group of duplicates stays: the first (default), the longest (the first of those), or the one of the best source. */
export type Keep = 'first' | 'longest' | KeepBySource

/** Sources from best to worst, as `origin.source` names them; all others come last. */
export interface KeepBySource {
  readonly sources: readonly string[]
  /** Decides between members of one source (default `first`). */
  readonly within?: 'first' | 'longest' | undefined
}

/** How much each record deserves to stay, a whole number below 2^32: of a group the first record with the highest one stays. */
export function keepScore(keep: Keep): (record: ChimedRecord) => number {
  if (keep === 'first') return () => 0
  if (keep === 'longest') return (record) => lengthScore(record, 2 ** 32 - 1)
  const { sources, within = 'first' } = keep
  if (sources.length >= mostSources)
    throw new ChimedError(
      'option',
      `keepScore: expected fewer than ${mostSources} sources, got ${sources.length}. Name the ones that matter.`,
    )
  const ranks = new Map(sources.map((source, index) => [source, sources.length - index]))
  return (record) => {
    const rank = ranks.get(record.origin?.source ?? '') ?? 0
    return rank * lengths + (within === 'longest' ? lengthScore(record, lengths - 1) : 0)
  }
}

const mostSources = 64
const lengths = 2 ** 32 / mostSources

const lengthScore = (record: ChimedRecord, most: number): number => Math.min(most, textOf(record).length)

/** The first of the members with the highest score. */
export function bestOf<T>(group: readonly T[], score: (member: T) => number): T {
  let best = group[0] as T
  let most = score(best)
  for (const member of group.slice(1)) {
    const own = score(member)
    if (own > most) [best, most] = [member, own]
  }
  return best
}

/** Which pairs count as near-duplicates: all, those of one source only, or those of different sources only. */
export type Scope = 'everywhere' | 'within-sources' | 'across-sources'

/** Says so of two records, by number; undefined where all pairs count. */
export function comparableIn(
  scope: Scope,
  record: (index: number) => ChimedRecord,
): ((a: number, b: number) => boolean) | undefined {
  if (scope === 'everywhere') return undefined
  const source = (index: number): string => record(index).origin?.source ?? ''
  return (a, b) => (source(a) === source(b)) === (scope === 'within-sources')
}
