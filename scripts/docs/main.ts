/**
 * Checks every `ts` block of the documentation and writes the API reference to docs/api: `npm run docs [-- --blocks]`.
 * `--blocks` leaves the reference out. Prints counts; exits with 1 when a block does not compile or run, naming its line.
 */
import { join, resolve } from 'node:path'
import { documentation, readBlocks } from './blocks'
import { compileBlocks, type Problem } from './compile'
import { writeReference } from './reference'
import { runBlocks } from './run'

const root = resolve(import.meta.dirname, '../..')
const { blocks, errors } = readBlocks(root, documentation(root))
const left = blocks.filter(({ use }) => use === 'no-check')
const compiled = blocks.filter(({ use }) => use !== 'no-check')
const running = compiled.filter(({ use }) => use === 'run')

const problems: Problem[] = [...errors, ...compileBlocks(root, compiled)]
if (problems.length === 0) problems.push(...runBlocks(root, running))

for (const { file, line } of left) console.log(`not checked: ${file}:${line}`)
for (const { file, line, message } of problems) console.log(`${file}:${line}: ${message}`)
console.log(`${compiled.length} code blocks compiled, ${running.length} of them run, ${left.length} not checked`)

if (!process.argv.includes('--blocks')) {
  const { entries, warnings, errors: wrong } = await writeReference(root, join(root, 'docs/api'))
  console.log(`API reference of ${entries} entries in docs/api: ${wrong} errors, ${warnings} warnings`)
  if (wrong + warnings > 0) process.exitCode = 1
}
console.log(`docs: ${problems.length} problems with code blocks`)
if (problems.length > 0) process.exitCode = 1
