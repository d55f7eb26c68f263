#!/usr/bin/env node
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type CommandSurroundings, qilinEval } from './benchmarks/command'

export { type CommandSurroundings, qilinEval }

/** True when this file is the program that was started, also through a link in `node_modules/.bin`. */
const started = process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)

if (started) {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  void qilinEval(process.argv.slice(2), {
    print: (text) => process.stdout.write(text),
    tell: (text) => process.stderr.write(text),
    environment: process.env,
    signal: stop.signal,
    now: () => performance.now(),
  }).then((code) => {
    process.exitCode = code
  })
}
