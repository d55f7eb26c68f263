import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Block } from './blocks'
import type { Problem } from './compile'

/** Longest time a block may run. */
const timeoutMs = 120_000

/** Runs blocks marked `run` one after the other, each in an empty working folder, and returns those that failed. */
export const runBlocks = (root: string, blocks: readonly Block[]): Problem[] => {
  mkdirSync(join(root, 'out'), { recursive: true })
  const modules = mkdtempSync(join(root, 'out/docs-')) // inside the repository, so that packages resolve
  const working = mkdtempSync(join(tmpdir(), 'docs-'))
  try {
    return blocks.filter(({ use }) => use === 'run').flatMap((block) => runBlock(block, modules, working))
  } finally {
    rmSync(modules, { recursive: true, force: true })
    rmSync(working, { recursive: true, force: true })
  }
}

const runBlock = ({ file, line, source }: Block, modules: string, working: string): Problem[] => {
  const module = join(modules, `${file.replaceAll('/', '-')}.${line}.ts`)
  writeFileSync(module, source)
  const cwd = mkdtempSync(join(working, 'run-'))
  const args = ['--import', import.meta.resolve('tsx'), '--conditions=source', module]
  const { status, stdout, stderr, signal } = spawnSync(process.execPath, args, {
    cwd,
    encoding: 'utf8',
    timeout: timeoutMs,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (status === 0) return []
  const ended = signal ? `ended by ${signal} (limit ${timeoutMs / 1000} s)` : `exit code ${status}`
  return [{ file, line, message: `${ended}: ${`${stdout}${stderr}`.trim()}` }]
}
