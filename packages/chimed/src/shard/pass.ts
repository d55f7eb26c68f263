import { addCounts } from '../build-report'
import { faultLog } from '../faults'
import { changeOf, faultOf, type PreparedPart, type RowOutcome } from '../step'
import type { ChimedRecord, Fault, StepReport } from '../types'
import { type SideFiles, sideWriter } from '../write/side-files'

/** A step that is ready for the records of one part. */
export interface PartStep {
  readonly name: string
  row<T extends ChimedRecord>(record: T, index: number): RowOutcome<T>
  readonly counts?: PreparedPart['counts'] | undefined
}

/** What a step did to the records of one part; `extra` holds counts of its own. */
export interface PartReport extends StepReport {
  readonly extra?: Readonly<Record<string, Readonly<Record<string, number>>>> | undefined
}

/** Steps over the records of one part, one record at a time. */
export interface Pass {
  /** The record after all steps, or undefined when one left it out. `index` is its number in the part. */
  run(record: ChimedRecord, index: number): ChimedRecord | undefined
  reports(): PartReport[]
}

/** A pass of steps. `onDrop` receives what is left out. */
export function pass(
  steps: readonly PartStep[],
  onDrop: (record: ChimedRecord, fault: Fault, step: string) => void = () => {},
): Pass {
  const told = steps.map((step) => ({ step, log: faultLog(), input: 0, output: 0 }))
  return {
    run: (first, index) => {
      let record = first
      for (const one of told) {
        one.input++
        const outcome = one.step.row(record, index)
        if ('drop' in outcome) {
          const fault = faultOf(record, outcome.drop, outcome.reason)
          one.log.add(fault)
          onDrop(record, fault, one.step.name)
          return undefined
        }
        if (outcome.changed) one.log.add(changeOf(record, outcome.changed.code, outcome.changed.reason))
        record = outcome.record
        one.output++
      }
      return record
    },
    reports: () =>
      told.map(({ step, log, input, output }) => ({
        name: step.name,
        input,
        output,
        dropped: log.counts(),
        changed: log.changes(),
        examples: log.examples(),
        ...(step.counts && { extra: step.counts() }),
      })),
  }
}

/** The report over all parts, in their order; `base` is what the step says about no record at all. */
export function mergeReports(base: StepReport, parts: readonly PartReport[]): StepReport {
  const log = faultLog()
  for (const { examples } of [base, ...parts]) for (const example of examples) log.add(example)
  const sum = (of: (report: StepReport) => number): number =>
    [base, ...parts].reduce((total, one) => total + of(one), 0)
  const extra = parts.flatMap(({ extra: counts = {} }) => Object.entries(counts))
  const own = base as unknown as Record<string, Readonly<Record<string, number>>>
  return {
    ...base,
    ...Object.fromEntries(
      [...new Set(extra.map(([name]) => name))].map((name) => [
        name,
        addCounts([own[name] ?? {}, ...extra.filter(([other]) => other === name).map(([, counts]) => counts)]),
      ]),
    ),
    input: sum(({ input }) => input),
    output: sum(({ output }) => output),
    dropped: addCounts([base, ...parts].map(({ dropped }) => dropped)),
    changed: addCounts([base, ...parts].map(({ changed }) => changed)),
    examples: log.examples(),
  }
}

/** Lines for the side files of one task, by the name of the file. */
export interface SideLines extends Pick<SideFiles, 'onDrop' | 'onFault'> {
  readonly lines: ReadonlyMap<string, string[]>
}

/** Collects what `sideFiles` would write. */
export function sideLines(): SideLines {
  const lines = new Map<string, string[]>()
  const writer = sideWriter((name, line) => {
    const list = lines.get(name) ?? []
    lines.set(name, list)
    list.push(`${JSON.stringify(line)}\n`)
  })
  return { ...writer, lines }
}
