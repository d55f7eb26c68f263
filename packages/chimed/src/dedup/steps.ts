import { skeleton } from '../clean/normalise'
import { excerpt, faultLog, stepReport } from '../faults'
import { textOf } from '../record'
import { placeName, sourcePairs } from '../shard/duplicates'
import { shardedExact } from '../shard/exact'
import { shardedNear } from '../shard/near'
import { dropTeller, type OnDrop, type Step, type StepResult } from '../step'
import type { ChimedRecord, Origin, StepReport } from '../types'
import { clusters } from './components'
import { exactDuplicates } from './exact'
import { bestOf, comparableIn, type Keep, keepScore, type Scope } from './keep'
import { type NearOptions, nearDuplicates } from './near'

/** A group of near-duplicates, for a report. */
export interface ClusterReport {
  readonly size: number
  readonly kept: ClusterMember
  /** Some of the others, in order. */
  readonly dropped: readonly ClusterMember[]
}

/** A member of a group: where it came from and how it begins. */
export interface ClusterMember {
  readonly origin: Origin | undefined
  readonly excerpt: string
}

/** The report of a step that removes duplicates. */
export interface DedupReport extends StepReport {
  /** The largest groups. */
  readonly clusters: readonly ClusterReport[]
  /** Records left out by sources, that of the record that stays and that of the one that went as a JSON list; `duplicatesBySources` reads it. */
  readonly bySources: Readonly<Record<string, number>>
}

/** Options of `dedup.exact`. */
export interface ExactOptions {
  readonly keep?: Keep | undefined
  /** Compares letters, digits and Chinese characters only, so that punctuation and blanks make no difference (default false). */
  readonly ignorePunctuation?: boolean | undefined
  /** Largest groups kept for the report (default 10). */
  readonly report?: number | undefined
}

/** Removes records whose whole text occurs before. */
export function exact({ keep = 'first', ignorePunctuation = false, report = 10 }: ExactOptions = {}): Step {
  const key = ignorePunctuation ? (record: ChimedRecord) => skeleton(textOf(record)) : keyOf
  return {
    name: 'dedup.exact',
    options: { keep, ignorePunctuation, report },
    sharded: shardedExact({ keyOf: key, score: keepScore(keep), report }),
    run: (records, { onDrop } = {}) => {
      const roots = exactDuplicates(records.map(key))
      const groups = clusters({ find: (index) => roots[index]! }, roots.length)
      return removeDuplicates('dedup.exact', 'duplicate', records, groups, { keep, report, onDrop })
    },
  }
}

/** Equal texts in other roles are different records. */
const keyOf = (record: ChimedRecord): string =>
  'messages' in record
    ? record.messages.map(({ role, content }) => `${role}\u0000${content}`).join('\u0001')
    : textOf(record)

/** Options of `dedup.minhash`. */
export interface MinhashStepOptions extends Omit<NearOptions, 'comparable'> {
  readonly keep?: Keep | undefined
  /** Which pairs count (default `everywhere`). A record may still meet one of its own source through a third record of another. */
  readonly scope?: Scope | undefined
  readonly report?: number | undefined
}

/** Removes near-duplicates: MinHash over character n-grams, bands, verified by Jaccard similarity; one record stays of each component. */
export function minhash({
  keep = 'first',
  scope = 'everywhere',
  report = 10,
  ...options
}: MinhashStepOptions = {}): Step {
  return {
    name: 'dedup.minhash',
    options: { keep, scope, report, ...options, kernel: undefined, onProgress: undefined },
    sharded: shardedNear({ score: keepScore(keep), scope, report, ...options }),
    run: (records, { onProgress, onDrop } = {}) => {
      const progress =
        onProgress &&
        ((done: number, total: number): void => onProgress({ stage: 'dedup.minhash', done, total, unit: 'rows' }))
      const { clusters } = nearDuplicates(records.map(textOf), {
        ...options,
        comparable: comparableIn(scope, (index) => records[index]!),
        ...(progress && { onProgress: progress }),
      })
      return removeDuplicates('dedup.minhash', 'near-duplicate', records, clusters, { keep, report, onDrop })
    },
  }
}

function removeDuplicates<T extends ChimedRecord>(
  name: string,
  code: string,
  records: readonly T[],
  groups: readonly (readonly number[])[],
  { keep, report, onDrop }: { readonly keep: Keep; readonly report: number; readonly onDrop: OnDrop | undefined },
): StepResult<T> {
  const log = faultLog()
  const tell = dropTeller(name, log, onDrop)
  const pairs = sourcePairs()
  const keptOf = new Int32Array(records.length).fill(-1)
  const score = keepScore(keep)
  const kept = groups.map((group) => bestOf(group, (index) => score(records[index]!)))
  for (const [index, group] of groups.entries())
    for (const member of group) if (member !== kept[index]) keptOf[member] = kept[index]!
  const left = records.filter((record, index) => {
    if (keptOf[index]! < 0) return true
    const stays = records[keptOf[index]!]!
    pairs.add(stays, record)
    tell(record, code, `${code} of ${placeName(stays)}`)
    return false
  })
  const largest = groups
    .map((group, index) => ({ group, kept: kept[index]! }))
    .sort((a, b) => b.group.length - a.group.length || a.group[0]! - b.group[0]!)
  const clusters = largest.slice(0, report).map((cluster) => clusterReport(records, cluster))
  const told: DedupReport = {
    ...stepReport(name, records.length, left.length, log),
    ...pairs.counts(),
    clusters,
  }
  return { records: left, report: told }
}

const member = (record: ChimedRecord): ClusterMember => ({ origin: record.origin, excerpt: excerpt(textOf(record)) })

const clusterReport = (
  records: readonly ChimedRecord[],
  { group, kept }: { readonly group: readonly number[]; readonly kept: number },
): ClusterReport => ({
  size: group.length,
  kept: member(records[kept]!),
  dropped: group
    .filter((index) => index !== kept)
    .slice(0, 5)
    .map((index) => member(records[index]!)),
})
