import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Problem } from './compile'

const link = /\]\(([^()\s]+)\)/g

/** Links of Markdown files to files of the repository that are not there. Addresses on the web are not looked up. */
export const brokenLinks = (root: string, files: readonly string[]): Problem[] =>
  files
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) => linksOf(readFileSync(join(root, file), 'utf8')).map((found) => ({ file, ...found })))
    .filter(({ file, target }) => !existsSync(join(root, dirname(file), target)))
    .map(({ file, line, target }) => ({ file, line, message: `expected a file at ${target}, which is not there` }))

/** Relative links with their lines; code blocks are passed over. */
export const linksOf = (text: string): { line: number; target: string }[] => {
  const withoutCode = text.replace(/^( *`{3,}).*\n[\s\S]*?^\1 *$/gm, (code) => code.replace(/[^\n]/g, ''))
  return withoutCode
    .split('\n')
    .flatMap((content, i) =>
      [...content.replace(/`[^`]*`/g, '').matchAll(link)]
        .map(([, target = '']) => ({ line: i + 1, target: decodeURI(target.replace(/#.*$/, '')) }))
        .filter(({ target }) => target !== '' && !/^[a-z]+:/.test(target)),
    )
}
