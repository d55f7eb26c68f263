import { createHash } from 'node:crypto'
import type { ChimedRecord } from '../types'
import { clusterReporter, duplicateApplier, duplicateWords, groupTeller } from './duplicates'
import type { Bucket, Place, ShardedStep } from './sharded-step'

/**
 * Exact deduplication in one round: equal keys have equal digests (128 bits of SHA-256), so they meet in a bucket, whose record with the
 * highest score stays.
 */
export function shardedExact({
  keyOf,
  score,
  report,
}: {
  readonly keyOf: (record: ChimedRecord) => string
  /** See `keepScore`. */
  readonly score: (record: ChimedRecord) => number
  readonly report: number
}): ShardedStep {
  return {
    rounds: [
      {
        name: 'digests',
        words: 5,
        resultWords: duplicateWords,
        emitter: ({ corpus }) => {
          const entry = new Uint32Array(5)
          return (record, _index, put) => {
            const digest = createHash('sha256').update(`${corpus}\n`).update(keyOf(record)).digest()
            for (let word = 0; word < 4; word++) entry[word] = digest.readUInt32LE(word * 4)
            entry[4] = score(record)
            put(entry)
          }
        },
        reduce: (bucket) => reduceDigests(bucket, report),
      },
    ],
    applier: duplicateApplier('duplicate'),
    report: clusterReporter(report),
  }
}

function reduceDigests(bucket: Bucket, report: number): void {
  const { entries, stride } = bucket
  const rows = new Map<string, number[]>()
  for (let at = 0; at < entries.length; at += stride) {
    const key = `${entries[at]} ${entries[at + 1]} ${entries[at + 2]} ${entries[at + 3]}`
    const list = rows.get(key)
    if (list) list.push(at)
    else rows.set(key, [at])
  }
  const scores = new Map<Place, number>()
  const teller = groupTeller(bucket, { report, score: (place) => scores.get(place)! })
  for (const list of rows.values()) {
    if (list.length === 1) continue
    const group = list.map((at) => {
      const place = { part: entries[at + 5]!, index: entries[at + 6]! }
      scores.set(place, entries[at + 4]!)
      return place
    })
    teller.add(group)
    scores.clear()
  }
  teller.end()
}
