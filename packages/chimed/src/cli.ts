#!/usr/bin/env node
import { spawn } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type CommandSurroundings, chimed } from './cli/command'

export { type CommandSurroundings, chimed }

/** True when this file is the program that was started, also through a link in `node_modules/.bin`. */
const started = process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)

if (started) {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  process.once('SIGTERM', () => stop.abort())
  void chimed(process.argv.slice(2), {
    print: (text) => process.stdout.write(text),
    tell: (text) => process.stderr.write(text),
    terminal: process.stderr.isTTY === true,
    signal: stop.signal,
    now: () => performance.now(),
    again: (argv) =>
      new Promise((resolve) => {
        const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...argv], {
          stdio: ['ignore', 'inherit', 'inherit'],
        })
        stop.signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true })
        child.on('close', (code) => resolve(code ?? 1))
        child.on('error', () => resolve(1))
      }),
  }).then((code) => {
    process.exitCode = code
  })
}
