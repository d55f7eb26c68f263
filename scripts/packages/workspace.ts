import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the checks read of a package.json. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly sideEffects?: unknown
  readonly exports: Readonly<Record<string, unknown>>
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** A package of this repository. */
export interface Package {
  readonly name: string
  readonly folder: string
  readonly manifest: Manifest
  /** What users import: `@qilin-med/tensor`, `@qilin-med/tensor/node`. Programs (entries of `bin`) are not among them. */
  readonly entries: readonly string[]
}

/** The packages below `root/packages`, ordered by name. */
export const workspacePackages = (root: string): Package[] =>
  readdirSync(join(root, 'packages'))
    .sort()
    .map((name) => join(root, 'packages', name))
    .map((folder) => {
      const manifest: Manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      return { name: manifest.name, folder, manifest, entries: entriesOf(manifest) }
    })

const entriesOf = ({ name, exports, bin = {} }: Manifest): string[] => {
  const programs = Object.values(bin)
  return Object.entries(exports)
    .filter(([path, target]) => path !== './package.json' && !programs.includes(importTarget(target)))
    .map(([path]) => `${name}${path.slice(1)}`)
}

const importTarget = (target: unknown): string => (target as { import?: { default?: string } }).import?.default ?? ''
