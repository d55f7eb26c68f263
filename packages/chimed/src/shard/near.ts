import { bandsForRecall } from '../dedup/bands'
import { clusters, components } from '../dedup/components'
import { comparableIn, type Scope } from '../dedup/keep'
import { type MinHashKernel, minHash } from '../dedup/minhash'
import { mix32 } from '../dedup/minhash-js'
import { type NearOptions, pairVerifier, recent } from '../dedup/near'
import { textOf } from '../record'
import type { ChimedRecord } from '../types'
import { chains } from './chains'
import { clusterReporter, duplicateApplier, duplicateWords, groupTeller } from './duplicates'
import type { Bucket, Emitter, Gathering, Place, ShardedStep } from './sharded-step'

/** What decides which texts are near-duplicates, with its defaults. */
interface Near {
  readonly permutations: number
  readonly banding: { readonly bands: number; readonly rows: number }
  readonly scope: Scope
  readonly options: NearOptions
}

/** What shards need to know beside the options of `nearDuplicates`. */
interface Grouping {
  /** See `keepScore`. */
  readonly score: (record: ChimedRecord) => number
  readonly scope: Scope
  readonly report: number
}

/**
 * Near-duplicates in one round: every band of a signature is an entry; records that meet in a bucket are compared as `nearDuplicates`
 * compares them; the pairs of all buckets are joined to components. Eight bytes a record while they are joined.
 */
export function shardedNear({ score, scope, report, ...options }: NearOptions & Grouping): ShardedStep {
  const { permutations = 128, threshold = 0.8, recall = 0.995 } = options
  const banding = options.banding ?? bandsForRecall({ threshold, permutations, recall })
  const near = { permutations, banding, scope, options }
  return {
    rounds: [
      {
        name: 'bands',
        words: 2,
        resultWords: duplicateWords,
        emitter: ({ corpus }) => bandEmitter(near, corpus),
        reduce: (bucket) => reduceBands(bucket, near),
        gather: (all) => joinPairs(all, { score, report }),
      },
    ],
    applier: duplicateApplier('near-duplicate'),
    report: clusterReporter(report),
  }
}

const signatureOf = (kernel: MinHashKernel, { options }: Near, text: string, out: Uint32Array): void =>
  options.items ? kernel.signatureOfHashes(options.items(text), out) : kernel.signature(text, out)

function bandEmitter(near: Near, corpus: number): Emitter {
  const { permutations, banding, options } = near
  const kernel = options.kernel ?? minHash(options)
  const signature = new Uint32Array(permutations)
  const entry = new Uint32Array(2)
  return (record, _index, put) => {
    signatureOf(kernel, near, textOf(record), signature)
    for (let band = 0; band < banding.bands; band++) {
      let a = corpus
      let b = band * 3 + corpus
      for (let i = band * banding.rows; i < (band + 1) * banding.rows; i++) {
        a = (Math.imul(a, 0x9e3779b1) + signature[i]!) | 0
        b = (Math.imul(b, 0x85ebca77) + signature[i]!) | 0
      }
      entry[0] = mix32(b)
      entry[1] = mix32(a ^ Math.imul(band + 1, 0xc2b2ae35))
      put(entry)
    }
  }
}

/** Pairs of one bucket that are near enough, as few as join what belongs together. */
function reduceBands(bucket: Bucket, near: Near): void {
  const { entries, stride, look } = bucket
  const { permutations, options } = near
  const kernel = options.kernel ?? minHash(options)
  const places: Place[] = []
  const known = new Map<number, number>()
  const sets = growingSets()
  const numberOf = (entry: number): number => {
    const place = { part: entries[entry * stride + 2]!, index: entries[entry * stride + 3]! }
    const key = place.part * 2 ** 32 + place.index
    let number = known.get(key)
    if (number === undefined) {
      known.set(key, (number = places.push(place) - 1))
      sets.add()
    }
    return number
  }
  const text = recent((number: number) => textOf(look(places[number]!)))
  const signature = recent((number: number) => {
    const out = new Uint32Array(permutations)
    signatureOf(kernel, near, text(number), out)
    return out
  })
  const comparable = comparableIn(near.scope, (number) => look(places[number]!))
  const matches = pairVerifier({ text, signature }, kernel, { ...options, comparable })
  const refused = new Set<number>()
  const { before } = chains(entries, stride, 2)
  for (let entry = 0; entry < before.length; entry++) {
    for (let other = before[entry]!; other >= 0; other = before[other]!) {
      const [a, b] = [numberOf(other), numberOf(entry)]
      if (sets.find(a) === sets.find(b)) continue
      const [low, high] = a < b ? [a, b] : [b, a]
      const pair = low * 2 ** 26 + high
      if (refused.has(pair)) continue
      if (matches(a, b)) {
        sets.union(a, b)
        const left = places[a]!
        bucket.give(places[b]!, [left.part, left.index])
      } else refused.add(pair)
    }
  }
}

interface GrowingSets {
  add(): void
  find(item: number): number
  union(a: number, b: number): void
}

/** Disjoint sets to which members can be added. */
function growingSets(): GrowingSets {
  const parents: number[] = []
  const find = (item: number): number => {
    let root = item
    while (parents[root] !== root) root = parents[root] = parents[parents[root]!]!
    return root
  }
  return {
    add: () => {
      parents.push(parents.length)
    },
    find,
    union: (a, b) => {
      const [x, y] = [find(a), find(b)]
      parents[Math.max(x, y)] = Math.min(x, y)
    },
  }
}

/** Components over the pairs of all buckets; members of each in the order of the data. */
function joinPairs(all: Gathering, { score, report }: Pick<Grouping, 'score' | 'report'>): void {
  const starts = [0]
  for (const size of all.sizes) starts.push(starts.at(-1)! + size)
  const total = starts.at(-1)!
  const sets = components(total)
  all.each((results) => {
    for (let at = 0; at < results.length; at += all.stride)
      sets.union(starts[results[at]!]! + results[at + 1]!, starts[results[at + 2]!]! + results[at + 3]!)
  })
  const placeOf = (number: number): Place => {
    let [low, high] = [0, starts.length - 1]
    while (low + 1 < high) {
      const middle = (low + high) >> 1
      if (starts[middle]! <= number) low = middle
      else high = middle
    }
    return { part: low, index: number - starts[low]! }
  }
  const teller = groupTeller(all, { report, score: (place) => score(all.look(place)) })
  for (const group of clusters(sets, total)) teller.add(group.map(placeOf))
  teller.end()
}
