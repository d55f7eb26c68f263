import { excerpt, type FaultLog, faultLog, stepReport } from './faults'
import { textOf } from './record'
import type { ShardedStep } from './shard/sharded-step'
import type { Drop } from './sources/source'
import type { ChimedRecord, Fault, Progress, StepReport } from './types'

/** What a step may use. */
export interface StepContext {
  readonly onProgress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
  /** Receives every record that is left out, and why; see `sideFiles`. */
  readonly onDrop?: OnDrop | undefined
}

/** Told of each record that a step leaves out: the record as it came to the step, why it went, and the name of the step. */
export type OnDrop = (record: ChimedRecord, fault: Fault, step: string) => void

/** Records that a step leaves, and what it did. */
export interface StepResult<T extends ChimedRecord> {
  readonly records: T[]
  readonly report: StepReport
}

/** A step over all records of a corpus. */
export interface Step {
  readonly name: string
  /** What it was made with, as plain data; a sharded run does its work again when it changes. */
  readonly options?: unknown
  /** Present on steps that look at one record at a time: they can run on any part of the data with the same result. */
  readonly row?: <T extends ChimedRecord>(record: T) => RowOutcome<T>
  /** The same for steps that read something first, such as test sets. */
  readonly prepare?: () => Promise<PreparedRows>
  /** Present on steps that compare records with each other and can do so in shards. */
  readonly sharded?: ShardedStep | undefined
  run<T extends ChimedRecord>(records: readonly T[], context?: StepContext): StepResult<T> | Promise<StepResult<T>>
}

/** A step that looks at one record at a time, ready to run. */
export interface PreparedRows {
  /** Starts counting afresh, for one part of the data. */
  part(): PreparedPart
  /** A text that differs when what was read differs. */
  readonly key: string
}

/** The rows of one part, and what was counted. */
export interface PreparedPart {
  row<T extends ChimedRecord>(record: T): RowOutcome<T>
  /** Counts of its own beside those of every report, so far: fields of the report whose numbers add up. */
  counts(): Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** The record (perhaps changed), or why it is left out. */
export type RowOutcome<T> =
  | { readonly record: T; readonly changed?: Omit<Drop, 'drop'> & { readonly code: string } }
  | Drop

/** A step from a function of one record. */
export function rowStep(
  name: string,
  row: <T extends ChimedRecord>(record: T) => RowOutcome<T>,
  options?: unknown,
): Step {
  return {
    name,
    options: options ?? row.toString(),
    row,
    run: (records, { onDrop } = {}) => {
      const log = faultLog()
      const tell = dropTeller(name, log, onDrop)
      const kept = records.flatMap((record) => {
        const outcome = row(record)
        if ('drop' in outcome) tell(record, outcome.drop, outcome.reason)
        else if (outcome.changed) log.add(changeOf(record, outcome.changed.code, outcome.changed.reason))
        return 'drop' in outcome ? [] : [outcome.record]
      })
      return { records: kept, report: stepReport(name, records.length, kept.length, log) }
    },
  }
}

/** A function by which the step `name` leaves a record out: it is counted in the log and shown to `onDrop`. */
export function dropTeller(
  name: string,
  log: FaultLog,
  onDrop?: OnDrop,
): (record: ChimedRecord, code: string, reason: string) => void {
  return (record, code, reason) => {
    const fault = faultOf(record, code, reason)
    log.add(fault)
    onDrop?.(record, fault, name)
  }
}

/** A change of a record that is kept. */
export const changeOf = (record: ChimedRecord, code: string, reason: string): Fault => ({
  ...faultOf(record, code, reason),
  kept: true,
})

/** A fault of a record, named by its origin. */
export function faultOf(record: ChimedRecord, code: string, reason: string): Fault {
  const { source = '', file, line } = record.origin ?? {}
  return { code, reason, file: file ?? source, line: line ?? 0, excerpt: excerpt(textOf(record)) }
}

/** Runs steps one after another; each gets what the one before left. */
export async function runSteps<T extends ChimedRecord>(
  records: readonly T[],
  steps: readonly Step[],
  context: StepContext = {},
): Promise<{ readonly records: T[]; readonly reports: StepReport[] }> {
  let current = [...records]
  const reports: StepReport[] = []
  for (const [index, step] of steps.entries()) {
    context.signal?.throwIfAborted()
    context.onProgress?.({ stage: step.name, done: index, total: steps.length, unit: 'rows' })
    const { records: left, report: told } = await step.run(current, context)
    current = left
    reports.push(told)
  }
  return { records: current, reports }
}
