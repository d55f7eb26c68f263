import type { PreparedPart, RowOutcome } from '../step'
import type { ChimedRecord, StepReport } from '../types'
import type { Results } from './results'

/** Place of a record: the part it lies in and its number there. Places in ascending order are the order of the data. */
export interface Place {
  readonly part: number
  readonly index: number
}

/**
 * A step over all records, cut into rounds of three pure functions: every record sends entries to buckets (`emitter`), every bucket is
 * looked at by itself (`reduce`), and what the buckets found comes back to the records (`applier`). No function sees more than a part or a
 * bucket, so any number of machines can share the work, and the outcome does not depend on how parts and buckets are cut.
 */
export interface ShardedStep {
  readonly rounds: readonly Round[]
  /** What becomes of the records of a part, given what every round found out about them. */
  applier(part: PartResults): Applied
  /** The report of a corpus: the sums over its parts, with what the step tells besides, made from the notes of its last round. */
  report?(sums: StepReport, notes: readonly unknown[], look: Look): StepReport
}

/** A step with the results of a part. */
export interface Applied {
  /** What becomes of the record with this number. */
  row<T extends ChimedRecord>(record: T, index: number): RowOutcome<T>
  /** As those of `PreparedPart`. */
  readonly counts?: PreparedPart['counts']
}

/** One round of a step. */
export interface Round {
  readonly name: string
  /** Numbers of an entry; the first one decides its bucket and must be well mixed. */
  readonly words: number
  /** Numbers of a result. */
  readonly resultWords: number
  /** A function that sends the entries of one record. */
  emitter(part: PartContext): Emitter
  /** Looks at one bucket and gives results. */
  reduce(bucket: Bucket): void
  /** Present when buckets have to be seen together: looks at the results of all buckets and gives those that records get. */
  gather?(all: Gathering): void
}

/** Sends the entries of one record; `put` copies what it is given. */
export type Emitter = (record: ChimedRecord, index: number, put: (entry: Uint32Array) => void) => void

/** What is known when a part is read. */
export interface PartContext {
  /** 0 for `cpt`, 1 for `sft`, 2 for `dpo`: records of other corpora are never compared. */
  readonly corpus: number
  /** Results of the rounds before, in their order. */
  readonly results: readonly Results[]
}

/** What is known when a step is applied to a part. */
export interface PartResults extends PartContext {
  readonly look: Look
}

/** The record at a place, as it came into the step. */
export type Look = (place: Place) => ChimedRecord

/** Entries of one bucket, in the order of the data: `stride` numbers each, the words, then part and index. */
export interface Bucket extends Gives {
  readonly entries: Uint32Array
  readonly stride: number
  readonly look: Look
  /** Results of the rounds before for a part. */
  results(part: number): readonly Results[]
}

/** Results of all buckets: `stride` numbers each, part and index, then the words. */
export interface Gathering extends Gives {
  each(visit: (results: Uint32Array) => void): void
  readonly stride: number
  /** Records of each part. */
  readonly sizes: readonly number[]
  readonly look: Look
}

/** Where a bucket puts what it found. */
export interface Gives {
  give(place: Place, words: readonly number[]): void
  /** A note for the report of the corpus that the place belongs to; plain data. */
  note(place: Place, note: unknown): void
  /** 0 for `cpt`, 1 for `sft`, 2 for `dpo`. */
  corpusOf(part: number): number
}
