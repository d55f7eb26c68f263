import { bestOf } from '../dedup/keep'
import type { ClusterMember, ClusterReport, DedupReport } from '../dedup/steps'
import { excerpt } from '../faults'
import { textOf } from '../record'
import { drop } from '../sources/source'
import type { ChimedRecord, StepReport } from '../types'
import type { Applied, Gives, Look, PartResults, Place } from './sharded-step'

/** Numbers of a result: the place of the record that stays. */
export const duplicateWords = 2

/** Where a record came from, as a reason names it. */
export function placeName({ origin }: ChimedRecord): string {
  const { source = '', file = source, line = 0 } = origin ?? {}
  return `${file}:${line}`
}

/** Counts duplicates by the source of the record that stays and of the one that goes. */
export function sourcePairs(): {
  add(stays: ChimedRecord, goes: ChimedRecord): void
  counts(): Pick<DedupReport, 'bySources'>
} {
  const bySources: Record<string, number> = {}
  const source = ({ origin }: ChimedRecord): string => origin?.source ?? ''
  return {
    add: (stays, goes) => {
      const pair = JSON.stringify([source(stays), source(goes)])
      bySources[pair] = (bySources[pair] ?? 0) + 1
    },
    counts: () => ({ bySources }),
  }
}

/** Counts of one pair of sources. */
export interface DuplicatePair {
  /** Source of the records that stay. */
  readonly stays: string
  /** Source of those that were left out. */
  readonly goes: string
  readonly records: number
}

/** `bySources` of a report as a list, the largest first. */
export const duplicatesBySources = ({ bySources }: Pick<DedupReport, 'bySources'>): DuplicatePair[] =>
  Object.entries(bySources)
    .map(([pair, records]) => {
      const [stays, goes] = JSON.parse(pair) as [string, string]
      return { stays, goes, records }
    })
    .sort((a, b) => b.records - a.records)

/** Drops what has a result, naming the record that stays. */
export function duplicateApplier(code: string): (part: PartResults) => Applied {
  return ({ results, look }) => {
    const pairs = sourcePairs()
    return {
      row: (record, index) => {
        const [part, kept] = results.at(-1)!.of(index)
        if (part === undefined) return { record }
        const stays = look({ part, index: kept! })
        pairs.add(stays, record)
        return drop(code, `${code} of ${placeName(stays)}`)
      },
      counts: pairs.counts,
    }
  }
}

/** A group of duplicates as the buckets note it. */
interface ClusterNote {
  readonly size: number
  readonly first: Place
  readonly kept: Place
  readonly others: readonly Place[]
}

/** Receives groups of duplicates: gives every member but one its result, and notes the largest groups of each corpus. */
export function groupTeller(
  gives: Gives,
  { report, score }: { readonly report: number; readonly score: (place: Place) => number },
): { readonly add: (group: readonly Place[]) => void; readonly end: () => void } {
  const largest = new Map<number, ClusterNote[]>()
  return {
    add: (group) => {
      const kept = bestOf(group, score)
      const others = group.filter((place) => place !== kept)
      for (const place of others) gives.give(place, [kept.part, kept.index])
      const corpus = gives.corpusOf(kept.part)
      const notes = largest.get(corpus) ?? []
      largest.set(corpus, notes)
      notes.push({ size: group.length, first: group[0]!, kept, others: others.slice(0, 5) })
      if (notes.length > report * 2 + 100) notes.splice(0, notes.length, ...top(notes, report))
    },
    end: () => {
      for (const notes of largest.values()) for (const note of top(notes, report)) gives.note(note.first, note)
    },
  }
}

const top = (notes: readonly ClusterNote[], count: number): ClusterNote[] =>
  [...notes]
    .sort((a, b) => b.size - a.size || a.first.part - b.first.part || a.first.index - b.first.index)
    .slice(0, count)

/** The report with the largest groups of all buckets; the sums are those of steps that count by sources. */
export function clusterReporter(
  report: number,
): (sums: StepReport, notes: readonly unknown[], look: Look) => DedupReport {
  return (sums, notes, look) => {
    const member = (place: Place): ClusterMember => {
      const record = look(place)
      return { origin: record.origin, excerpt: excerpt(textOf(record)) }
    }
    const clusters = top(notes as readonly ClusterNote[], report).map(
      ({ size, kept, others }): ClusterReport => ({ size, kept: member(kept), dropped: others.map(member) }),
    )
    return { ...(sums as Omit<DedupReport, 'clusters'>), clusters }
  }
}
