import { createHash } from 'node:crypto'
import { skeleton } from '../clean/normalise'
import { faultLog, stepReport } from '../faults'
import { textOf } from '../record'
import { type Drop, drop } from '../sources/source'
import { dropTeller, type Step } from '../step'
import type { TestItem, TestSet } from '../tests'
import type { ChimedRecord, OnFault, StepReport } from '../types'
import { type GramIndex, gramIndex } from './gram-index'
import { nearestReference } from './near'

/** Options of `decontaminate`. */
export interface DecontaminateOptions {
  /** Test sets whose items must not be in the data. */
  readonly against: readonly TestSet[]
  /** Characters of an n-gram (default 13), counted over letters, digits and Chinese characters alone. */
  readonly n?: number | undefined
  /** A row leaks when it holds this share of the n-grams of a test question (default 0.8). */
  readonly share?: number | undefined
  /** Questions with fewer characters are too common to be looked for without their options or answer (default 8). */
  readonly minLength?: number | undefined
  /** A row also leaks when it is a near-duplicate of a whole test item at this similarity (default 0.8; 0 turns it off). */
  readonly minhash?: number | undefined
}

/** The report of decontamination, with the leaks by test set. */
export interface DecontaminationReport extends StepReport {
  readonly leaks: Readonly<Record<string, number>>
  /** Test items compared, and those too short to be looked for. */
  readonly items: number
  readonly tooShort: number
}

/**
 * Removes rows that hold a test question: at least `share` of its n-grams (all of it when the question is shorter than n), or
 * a near-duplicate of question and options. Rows are compared without punctuation and blanks, in lower case and NFKC.
 */
export function decontaminate({
  against,
  n = 13,
  share = 0.8,
  minLength = 8,
  minhash = 0.8,
}: DecontaminateOptions): Step {
  const options = { n, share, minLength, minhash, against: against.map(({ name }) => name) }
  async function open(onFault: OnFault) {
    const tests = await readTests(against, minLength, onFault)
    const find = leakFinder(tests, { n, share, minhash })
    const judge = (record: ChimedRecord, leaks: Record<string, number>): Drop | undefined => {
      const hit = find(skeleton(textOf(record)))
      if (!hit) return undefined
      leaks[hit.set] = leaks[hit.set]! + 1
      return drop('leak', `holds a question of ${hit.set}: ${hit.item.question.slice(0, 40)}`)
    }
    return { tests, judge }
  }
  return {
    name: 'decontaminate',
    options,
    prepare: async () => {
      const { tests, judge } = await open(() => {})
      return {
        key: createHash('sha256').update(JSON.stringify(tests)).digest('hex'),
        part: () => {
          const leaks = leakCounts(against)
          return { row: (record) => judge(record, leaks) ?? { record }, counts: () => ({ leaks }) }
        },
      }
    },
    run: async (records, { onDrop } = {}) => {
      const log = faultLog()
      const tell = dropTeller('decontaminate', log, onDrop)
      const { tests, judge } = await open(log.add)
      const leaks = leakCounts(against)
      const kept = records.filter((record) => {
        const leak = judge(record, leaks)
        if (leak) tell(record, leak.drop, leak.reason)
        return !leak
      })
      const told: DecontaminationReport = {
        ...stepReport('decontaminate', records.length, kept.length, log),
        leaks,
        items: tests.length,
        tooShort: tests.filter(({ needle }) => needle === '').length,
      }
      return { records: kept, report: told }
    },
  }
}

const leakCounts = (against: readonly TestSet[]): Record<string, number> =>
  Object.fromEntries(against.map(({ name }) => [name, 0]))

interface Test {
  readonly set: string
  readonly item: TestItem
  /** What is looked for: the question, with options where it is short; empty when even that is too short. */
  readonly needle: string
  readonly whole: string
}

async function readTests(
  sets: readonly TestSet[],
  minLength: number,
  onFault: ReturnType<typeof faultLog>['add'],
): Promise<Test[]> {
  const tests: Test[] = []
  for (const { name, items } of sets) {
    for await (const item of items({ onFault: (fault) => onFault({ ...fault, kept: true }) })) {
      const question = skeleton(item.question)
      const whole = question + skeleton(item.context)
      const needle = question.length >= minLength ? question : whole
      tests.push({ set: name, item, needle: needle.length >= minLength ? needle : '', whole })
    }
  }
  return tests
}

/** A function that finds the first test item that a row (as its skeleton) gives away. */
function leakFinder(
  tests: readonly Test[],
  { n, share, minhash }: { readonly n: number; readonly share: number; readonly minhash: number },
): (row: string) => Test | undefined {
  const index = gramIndex(
    tests.map(({ needle }) => needle),
    { n },
  )
  const near =
    minhash > 0
      ? nearestReference(
          tests.map(({ whole }) => whole),
          { threshold: minhash },
        )
      : undefined
  return (row) => {
    const hit = leakOf(index, row, share) ?? near?.(row)
    return hit === undefined ? undefined : tests[hit]
  }
}

/** The first test item of which the row holds enough, or undefined. */
function leakOf(index: GramIndex, row: string, share: number): number | undefined {
  let found: number | undefined
  for (const { item, held } of index.overlaps(row))
    if (held >= share && (found === undefined || item < found)) found = item
  return found
}
