import { describe, expect, it } from 'vitest'
import type { TestModule } from 'vitest/node'
import { formatSummary, summarise } from './summary'

/** A finished test file with tests in the given states; a skipped one carries its reason after a colon. */
const moduleOf = (relativeModuleId: string, states: readonly string[], errors: readonly unknown[] = []): TestModule => {
  const tests = states.map((text) => {
    const [state, note] = text.split(':')
    return { module: { relativeModuleId }, result: () => ({ state, note }) }
  })
  return { children: { allTests: () => tests.values() }, errors: () => errors } as unknown as TestModule
}

describe('the closing lines of a test run', () => {
  it('group skipped tests by reason, with their files, and count the rest', () => {
    const modules = [
      moduleOf('a.test.ts', ['passed', 'skipped:no golden folder', 'skipped:no golden folder']),
      moduleOf('b.test.ts', ['passed', 'failed', 'skipped:no golden folder', 'skipped']),
    ]
    expect(formatSummary(summarise(modules, 0))).toMatchInlineSnapshot(`
      "skipped 3: no golden folder  (a.test.ts, b.test.ts)
      skipped 1: (no reason given)  (b.test.ts)
      2 passed, 1 failed, 4 skipped"
    `)
  })

  it('count a file that cannot run and an error outside any test as failures', () => {
    const modules = [moduleOf('a.test.ts', ['passed']), moduleOf('broken.test.ts', [], [new Error('no such module')])]
    expect(formatSummary(summarise(modules, 1))).toBe('1 passed, 2 failed, 0 skipped')
  })
})
