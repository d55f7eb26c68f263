import type { TestCase, TestModule } from 'vitest/node'

/** What a test run came to. */
export interface Summary {
  readonly passed: number
  /** Failed tests, test files that could not run, and errors outside any test. */
  readonly failed: number
  /** Why tests were skipped, in order of first appearance. */
  readonly skipped: readonly SkipReason[]
}

/** A reason, and the tests that gave it. */
export interface SkipReason {
  readonly reason: string
  readonly count: number
  /** Files of those tests, relative to the repository. */
  readonly files: readonly string[]
}

/** Said for tests that are skipped without a reason, which is a fault of the test: use `context.skip('why')`. */
export const noReason = '(no reason given)'

/** Counts of a finished run, with the reasons that tests gave to `context.skip`. */
export const summarise = (modules: readonly TestModule[], errors: number): Summary => {
  const tests = modules.flatMap((module) => [...module.children.allTests()])
  const state = (wanted: string): TestCase[] => tests.filter((test) => test.result().state === wanted)
  const brokenFiles = modules.filter((module) => module.errors().length > 0).length
  return {
    passed: state('passed').length,
    failed: state('failed').length + brokenFiles + errors,
    skipped: reasons(state('skipped')),
  }
}

const reasons = (tests: readonly TestCase[]): SkipReason[] => {
  const byReason = new Map<string, TestCase[]>()
  for (const test of tests) {
    const result = test.result()
    const reason = (result.state === 'skipped' && result.note) || noReason
    byReason.set(reason, [...(byReason.get(reason) ?? []), test])
  }
  return [...byReason].map(([reason, group]) => ({
    reason,
    count: group.length,
    files: [...new Set(group.map((test) => test.module.relativeModuleId))],
  }))
}

/** A line for each reason, then `N passed, N failed, N skipped`. */
export const formatSummary = ({ passed, failed, skipped }: Summary): string => {
  const lines = skipped.map(({ reason, count, files }) => `skipped ${count}: ${reason}  (${files.join(', ')})`)
  const total = skipped.reduce((sum, { count }) => sum + count, 0)
  return [...lines, `${passed} passed, ${failed} failed, ${total} skipped`].join('\n')
}
