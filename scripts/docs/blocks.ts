import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A TypeScript code block of the documentation. */
export interface Block {
  /** File it stands in, relative to the repository. */
  readonly file: string
  /** Line of the opening fence, counted from 1. */
  readonly line: number
  /** What to do with it: only compile it, also run it, or neither. */
  readonly use: 'compile' | 'run' | 'no-check'
  /** The code, on the same lines as in `file`, so that compiler and stack traces point into the documentation. */
  readonly source: string
}

/** A block whose marks nobody understands. */
export interface MarkError {
  readonly file: string
  readonly line: number
  readonly message: string
}

/** The blocks of some documentation, in order, and those that are marked wrongly. */
export interface Extracted {
  readonly blocks: readonly Block[]
  readonly errors: readonly MarkError[]
}

const marks = ['run', 'no-check', 'continued']
const fence = /^\s*(`{3,})\s*(.*?)\s*$/

/**
 * The `ts` blocks of a Markdown text, or of the doc comments of a TypeScript source.
 *
 * Words after `ts` say more: `run` also runs the block, `no-check` leaves it alone, `continued` puts the block before it
 * in front, as when a page builds a program up in steps.
 */
export const extractBlocks = (file: string, text: string): Extracted => {
  const lines = (file.endsWith('.ts') ? uncomment(text) : text).split('\n')
  const blocks: Block[] = []
  const errors: MarkError[] = []
  let kept: string[] = []
  for (let i = 0; i < lines.length; i++) {
    const [, ticks, info = ''] = fence.exec(lines[i]!) ?? []
    if (ticks === undefined) continue
    const end = closing(lines, i + 1, ticks)
    const [language, ...words] = info.split(/\s+/)
    if (language === 'ts' || language === 'typescript') {
      const unknown = words.find((word) => !marks.includes(word))
      if (unknown !== undefined)
        errors.push({ file, line: i + 1, message: `expected ${marks.join(', ')} or nothing after ts, got ${unknown}` })
      if (!words.includes('continued')) kept = []
      kept = onTheirLines(kept, lines, i + 1, end)
      const use = words.includes('no-check') ? 'no-check' : words.includes('run') ? 'run' : 'compile'
      blocks.push({ file, line: i + 1, use, source: kept.join('\n') })
    }
    i = end
  }
  return { blocks, errors }
}

/** Everything that may hold blocks: READMEs, `docs/` without the generated part, and the sources of the packages. */
export const documentation = (root: string): string[] => [
  ...find(root, '', (name) => name.endsWith('.md'), false),
  ...find(root, 'docs', (name) => name.endsWith('.md')).filter((file) => !file.startsWith('docs/api/')),
  ...['packages', 'examples'].flatMap((folder) => find(root, folder, (name) => name.endsWith('.md'))),
  ...find(root, 'packages', (name) => name.endsWith('.ts') && !/\.(test|test-d|d)\.ts$/.test(name)),
]

/** The blocks of all files, read from disk. */
export const readBlocks = (root: string, files: readonly string[]): Extracted => {
  const extracted = files.map((file) => extractBlocks(file, readFileSync(join(root, file), 'utf8')))
  return { blocks: extracted.flatMap(({ blocks }) => blocks), errors: extracted.flatMap(({ errors }) => errors) }
}

const closing = (lines: readonly string[], from: number, ticks: string): number => {
  const end = lines.findIndex((line, i) => i >= from && line.trim() === ticks)
  return end < 0 ? lines.length : end
}

/** `kept` with lines `from` to `to` in their places and empty lines between. */
const onTheirLines = (kept: readonly string[], lines: readonly string[], from: number, to: number): string[] => [
  ...kept,
  ...Array<string>(from - kept.length).fill(''),
  ...lines.slice(from, to),
]

/** Only the text of doc comments, on its lines. */
const uncomment = (source: string): string =>
  source.replace(/\/\*\*[\s\S]*?\*\/|[^\n]/g, (part) =>
    part.startsWith('/**') ? part.slice(3, -2).replace(/^[ \t]*\* ?/gm, '') : '',
  )

const find = (root: string, folder: string, wanted: (name: string) => boolean, deep = true): string[] =>
  list(join(root, folder)).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return deep && !skipped.has(entry.name) ? find(root, path, wanted) : []
    return wanted(entry.name) ? [path] : []
  })

const skipped = new Set(['node_modules', 'dist', 'fixtures', 'out', '.turbo'])

const list = (folder: string) => readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
