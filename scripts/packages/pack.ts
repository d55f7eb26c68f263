import { join } from 'node:path'
import { command } from './command'
import type { Package } from './workspace'

/** A package as npm would publish it. */
export interface Packed extends Package {
  readonly tarball: string
  /** Files in the tarball, such as `dist/index.js`. */
  readonly files: readonly string[]
}

/** Packs every package into `folder`. */
export const pack = (packages: readonly Package[], root: string, folder: string): Packed[] => {
  const workspaces = packages.flatMap(({ name }) => ['--workspace', name])
  const { ok, stdout, output } = command('npm', ['pack', '--json', '--pack-destination', folder, ...workspaces], {
    cwd: root,
  })
  if (!ok) throw new Error(`npm pack failed: ${output}`)
  const packed: readonly { name: string; filename: string; files: readonly { path: string }[] }[] = Object.values(
    JSON.parse(stdout),
  )
  return packages.map((one) => {
    const result = packed.find(({ name }) => name === one.name)
    if (result === undefined) throw new Error(`npm pack made no tarball of ${one.name}.`)
    return { ...one, tarball: join(folder, tarballName(result.filename)), files: result.files.map(({ path }) => path) }
  })
}

/** Some npm versions report `@scope/name.tgz` for the file `scope-name.tgz`. */
const tarballName = (filename: string): string => filename.replace(/^@/, '').replaceAll('/', '-')
