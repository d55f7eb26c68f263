import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Block } from './blocks'
import { compileBlocks } from './compile'
import { runBlocks } from './run'

const root = resolve(import.meta.dirname, '../..')

const block = (source: string, rest: Partial<Block> = {}): Block => ({
  file: 'docs/example.md',
  line: 1,
  use: 'compile',
  source: `\n${source}`,
  ...rest,
})

describe('compileBlocks', () => {
  it('accepts blocks that declare the same names, use top-level await and import packages of this repository', () => {
    const blocks = [
      block('const a: number = await Promise.resolve(1)'),
      block(`import type {} from '@qilin-med/losses'\nconst a = process.version`, { line: 9 }),
    ]
    expect(compileBlocks(root, blocks)).toEqual([])
  })

  it('names file and line of a type error, a syntax error and an unknown package', () => {
    const blocks = [
      block(`const one = 1\nconst two: string = one`),
      block('const = 1', { line: 7 }),
      block(`import { dpo } from '@qilin-med/lost'`, { line: 8, file: 'packages/losses/README.md' }),
    ]
    expect(compileBlocks(root, blocks).map(({ file, line, message }) => `${file}:${line}: ${message}`)).toEqual([
      "docs/example.md:3: Type 'number' is not assignable to type 'string'.",
      'docs/example.md:2: Variable declaration expected.',
      expect.stringMatching(/^packages\/losses\/README\.md:2: Cannot find module '@qilin-med\/lost'/),
    ])
  })
})

describe('runBlocks', () => {
  it('runs what is marked, in an empty folder, and returns what a failed block said', () => {
    const blocks = [
      block(`throw new Error('not marked')`),
      block(`import { readdirSync } from 'node:fs'\nif (readdirSync('.').length) throw new Error('litter')`, {
        use: 'run',
      }),
      block(`const answer: number = await 42\nthrow new Error('got ' + answer)`, { use: 'run', line: 4 }),
    ]
    const [problem, ...others] = runBlocks(root, blocks)
    expect(others).toEqual([])
    expect(problem).toMatchObject({ file: 'docs/example.md', line: 4 })
    expect(problem?.message).toMatch(/^exit code 1: (.|\n)*docs-example\.md\.4\.ts:3(.|\n)*got 42/)
  })
})
