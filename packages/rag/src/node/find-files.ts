import { readdir, realpath, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { RagError } from '../errors'
import type { Complain } from './faults'

/**
 * The files that `patterns` name, each once, in order of pattern and then of name. In a pattern `*` stands for any part
 * of a name, `?` for one character, and the folder `**` for any depth of folders; other names are taken as they are.
 * Links are followed only to files within the folder where the pattern begins.
 *
 * @throws RagError (`file`) when a pattern names nothing
 */
export async function findFiles(
  operation: string,
  patterns: string | readonly string[],
  complain: Complain,
): Promise<string[]> {
  const found = new Set<string>()
  for (const pattern of typeof patterns === 'string' ? [patterns] : patterns) {
    const paths = /[*?]/.test(pattern) ? await matching(pattern, complain) : await named(pattern)
    if (paths.length === 0)
      throw new RagError('file', `${operation}: expected a file at ${pattern}, got none. Check the path or pattern.`, {
        operation,
        path: pattern,
      })
    for (const path of paths) found.add(path)
  }
  return [...found]
}

async function named(path: string): Promise<string[]> {
  const isFile = await stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  )
  return isFile ? [path] : []
}

async function matching(pattern: string, complain: Complain): Promise<string[]> {
  const parts = pattern.replaceAll('\\', '/').split('/')
  const fixed = parts.findIndex((part) => /[*?]/.test(part))
  const base = parts.slice(0, fixed).join('/') || (pattern.startsWith('/') ? '/' : '.')
  const rest = parts.at(-1) === '**' ? [...parts.slice(fixed), '*'] : parts.slice(fixed)
  const depth = rest.includes('**') ? Infinity : rest.length
  const wanted = new RegExp(`^${rest.map(segment).join('/').replaceAll('(?:.*/)?/', '(?:.*/)?')}$`, 'u')
  const paths: string[] = []
  for (const name of await filesBelow(base, '', depth, complain))
    if (wanted.test(name)) paths.push(shownPath(base, name))
  return paths
}

/** A path as the pattern writes it. */
const shownPath = (base: string, name: string): string =>
  base === '.' ? name : base === '/' ? `/${name}` : `${base}/${name}`

function segment(part: string): string {
  if (part === '**') return '(?:.*/)?'
  const escaped = part.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  return escaped.replaceAll('*', '[^/]*').replaceAll('?', '[^/]')
}

async function filesBelow(base: string, folder: string, depth: number, complain: Complain): Promise<string[]> {
  const path = join(base, folder)
  const entries = await readdir(path, { withFileTypes: true }).catch((error: Error) => {
    if (folder !== '') complain({ code: 'path', reason: `a folder that cannot be read (${error.message})`, path })
    return []
  })
  const names: string[] = []
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const name = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory() && depth > 1) names.push(...(await filesBelow(base, name, depth - 1, complain)))
    else if (entry.isFile() || (entry.isSymbolicLink() && (await staysWithin(base, name, complain)))) names.push(name)
  }
  return names
}

async function staysWithin(base: string, name: string, complain: Complain): Promise<boolean> {
  const path = join(base, name)
  const target = await realpath(path).catch(() => undefined)
  if (target === undefined || !(await stat(target)).isFile()) return false
  const inside = relative(await realpath(base), target)
  if (inside !== '..' && !inside.startsWith(`..${sep}`)) return true
  complain({ code: 'path', reason: 'a link that leads out of the folder', path })
  return false
}
