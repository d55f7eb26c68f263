import type { Reporter, TestModule } from 'vitest/node'
import { formatSummary, summarise } from './summary'

/** Closes a test run with the reasons of skipped tests and a line of counts; stands after the default reporter. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    console.log(formatSummary(summarise(modules, errors.length)))
  }
}
