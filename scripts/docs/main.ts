/**
 * Checks every `ts` block and relative link of the documentation and writes the API reference to docs/api:
 * `npm run docs [-- --blocks]`, where `--blocks` leaves the reference out. Prints counts; exits with 1 when a block does not
 * compile or run or a link leads nowhere, naming file and line, and when an export has no doc comment.
 */
import { join, resolve } from 'node:path'
import { documentation, readBlocks } from './blocks'
import { compileBlocks, type Problem } from './compile'
import { brokenLinks } from './links'
import { writeReference } from './reference'
import { runBlocks } from './run'

const root = resolve(import.meta.dirname, '../..')
const files = documentation(root)
const { blocks, errors } = readBlocks(root, files)
const left = blocks.filter(({ use }) => use === 'no-check')
const compiled = blocks.filter(({ use }) => use !== 'no-check')
const running = compiled.filter(({ use }) => use === 'run')

const problems: Problem[] = [...errors, ...brokenLinks(root, files), ...compileBlocks(root, compiled)]
if (problems.length === 0) problems.push(...runBlocks(root, running))

for (const { file, line } of left) console.log(`not checked: ${file}:${line}`)
for (const { file, line, message } of problems) console.log(`${file}:${line}: ${message}`)
console.log(`${compiled.length} code blocks compiled, ${running.length} of them run, ${left.length} not checked`)

if (!process.argv.includes('--blocks')) {
  const reference = await writeReference(root, join(root, 'docs/api'))
  const { entries, warnings } = reference
  console.log(`API reference of ${entries} entries in docs/api: ${reference.problems} problems, ${warnings} warnings`)
  if (reference.problems > 0) process.exitCode = 1
}
console.log(`docs: ${problems.length} problems with code blocks and links`)
if (problems.length > 0) process.exitCode = 1
