import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { documentation, extractBlocks } from './blocks'

const markdown = (...lines: string[]): string => lines.join('\n')

describe('extractBlocks', () => {
  it('finds ts blocks with their line and use, and passes over other languages', () => {
    const text = markdown(
      '# Title',
      '```sh',
      'npm test',
      '```',
      '```ts',
      'a()',
      '```',
      '```ts run',
      'b()',
      '```',
      '```ts no-check',
      '```',
    )
    expect(extractBlocks('README.md', text).blocks.map(({ line, use }) => [line, use])).toEqual([
      [5, 'compile'],
      [8, 'run'],
      [11, 'no-check'],
    ])
  })

  it('keeps the code on the lines it has in the file', () => {
    const { blocks } = extractBlocks('README.md', markdown('text', '```ts', 'const a = 1', 'use(a)', '```', 'more'))
    expect(blocks[0]?.source.split('\n')).toEqual(['', '', 'const a = 1', 'use(a)'])
  })

  it('puts earlier blocks in front of a continued one, and starts afresh with the next', () => {
    const text = markdown('```ts', 'one', '```', '', '```ts continued', 'two', '```', '```ts', 'three', '```')
    expect(extractBlocks('README.md', text).blocks.map(({ source }) => source.split('\n'))).toEqual([
      ['', 'one'],
      ['', 'one', '', '', '', 'two'],
      ['', '', '', '', '', '', '', '', 'three'],
    ])
  })

  it('does not end a block of four ticks at a fence of three', () => {
    const text = markdown('````md', '```ts', 'inner()', '```', '````', '```ts', 'outer()', '```')
    expect(extractBlocks('README.md', text).blocks.map(({ line }) => line)).toEqual([6])
  })

  it('refuses a mark that nobody understands instead of skipping the check', () => {
    expect(extractBlocks('docs/a.md', markdown('', '```ts nocheck', '```')).errors).toEqual([
      { file: 'docs/a.md', line: 2, message: 'expected run, no-check, continued or nothing after ts, got nocheck' },
    ])
  })

  it('reads doc comments of sources, and nothing else of them', () => {
    const source = markdown(
      'const fence = `',
      '```ts',
      'not documentation',
      '```',
      '`',
      '/**',
      ' * Returns one.',
      ' *',
      ' * ```ts',
      ' * one() // 1',
      ' * ```',
      ' */',
      'export const one = () => 1',
    )
    const { blocks } = extractBlocks('packages/a/src/one.ts', source)
    expect(blocks.map(({ line, source: code }) => [line, code.trim()])).toEqual([[9, 'one() // 1']])
  })
})

describe('documentation', () => {
  const root = mkdtempSync(join(tmpdir(), 'docs-'))
  afterAll(() => rmSync(root, { recursive: true }))

  it('is the READMEs, docs/ without the generated reference, and the sources without tests', () => {
    const files = [
      'README.md',
      'docs/decisions/0001-a.md',
      'docs/guides/op.md',
      'examples/README.md',
      'packages/a/README.md',
      'packages/a/src/index.ts',
    ]
    const others = [
      'docs/api/index.md',
      'packages/a/dist/README.md',
      'packages/a/node_modules/b/README.md',
      'packages/a/src/index.test.ts',
      'node_modules/b/README.md',
    ]
    for (const file of [...files, ...others]) {
      mkdirSync(dirname(join(root, file)), { recursive: true })
      writeFileSync(join(root, file), '')
    }
    expect(documentation(root).sort()).toEqual(files)
  })
})
