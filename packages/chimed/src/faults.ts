import { ChimedError } from './errors'
import type { Fault, OnFault, StepReport } from './types'

/** Counts faults by code and keeps the first examples of each. */
export interface FaultLog {
  /** Pass this as `onFault`. */
  readonly add: OnFault
  /** Rows left out so far. */
  total(): number
  /** Rows left out so far, by code. */
  counts(): Record<string, number>
  /** Rows changed and kept so far, by code. */
  changes(): Record<string, number>
  /** The first examples, in the order they came, at most `keep` of each code. */
  examples(): Fault[]
}

/** A log that counts every fault and keeps the first `keep` examples of each code. */
export function faultLog({ keep = 3 }: { readonly keep?: number } = {}): FaultLog {
  const dropped = new Map<string, number>()
  const changed = new Map<string, number>()
  const examples: Fault[] = []
  return {
    add: (fault) => {
      const counts = fault.kept ? changed : dropped
      const seen = counts.get(fault.code) ?? 0
      counts.set(fault.code, seen + 1)
      if (seen < keep) examples.push(fault)
    },
    total: () => [...dropped.values()].reduce((sum, count) => sum + count, 0),
    counts: () => Object.fromEntries(dropped),
    changes: () => Object.fromEntries(changed),
    examples: () => [...examples],
  }
}

/** The report of a step that took `input` rows, gave `output` and told `log` about the others. */
export const stepReport = (name: string, input: number, output: number, log: FaultLog): StepReport => ({
  name,
  input,
  output,
  dropped: log.counts(),
  changed: log.changes(),
  examples: log.examples(),
})

/** What a reader does with a broken row when the caller gave no `onFault`: it stops with the fault as an error. */
export const throwFault: OnFault = ({ reason, file, line, kept }) => {
  if (kept) return
  throw new ChimedError(
    'row',
    `${file}:${line}: ${reason}. Mend the row, or pass onFault to count such rows and go on.`,
    { path: file, line },
  )
}

/** The first characters of a row, for a message. */
export const excerpt = (text: string, length = 80): string =>
  text.length <= length ? text : `${text.slice(0, length)}…`
