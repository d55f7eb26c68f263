/**
 * Measures ours against a peer, run alternately:
 * `npm run bench -- SUITE [--only TEXT] [--peer-python PATH] [--json FILE] [--rounds N] [--data DIR]`.
 * Prints one JSON line a case on stdout, progress on stderr; exits with 1 when a case failed.
 */
import { resolve } from 'node:path'
import { bench } from './bench'
import { BenchError } from './errors'

const surroundings = {
  root: resolve(import.meta.dirname, '../..'),
  suites: resolve(import.meta.dirname, 'suites'),
  peers: resolve(import.meta.dirname, '../peers'),
  print: (line: string) => console.log(line),
  tell: (message: string) => console.error(message),
}

try {
  process.exitCode = await bench(process.argv.slice(2), surroundings)
} catch (error) {
  if (!(error instanceof BenchError)) throw error
  console.error(error.message)
  process.exitCode = 1
}

// Ends the process although a suite left a worker or a peer running; the grace lets the output drain.
setTimeout(() => process.exit(), 5_000).unref()
