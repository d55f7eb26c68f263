/**
 * Runs every golden case against our code: `npm run conform -- [DIR] [--only PATH,...] [--data DIR] [--quiet]`.
 * Prints one line a case and closes with `N passed, N failed, N skipped`; exits with 1 when a case failed.
 */
import { resolve } from 'node:path'
import { conform } from './conform'
import { ConformError } from './errors'

const surroundings = {
  root: resolve(import.meta.dirname, '../..'),
  kinds: resolve(import.meta.dirname, 'kinds'),
  print: (line: string) => console.log(line),
}

try {
  process.exitCode = await conform(process.argv.slice(2), surroundings)
} catch (error) {
  if (!(error instanceof ConformError)) throw error
  console.error(error.message)
  process.exitCode = 1
}

// Ends the process although a kind left a worker or a timer running; the grace lets the output drain.
setTimeout(() => process.exit(), 5_000).unref()
