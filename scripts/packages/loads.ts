import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from './workspace'

/** What a consumer's project loaded for one entry. */
export interface Loaded {
  /** Names that the entry exports. */
  readonly names: readonly string[]
  /** Absolute paths of the files that were loaded. */
  readonly files: readonly string[]
  /** Modules of Node, such as `node:fs`, that its ES modules import. */
  readonly builtins: readonly string[]
}

/** Packages that cost hundreds of MB or native code, with the entries that may load them by being imported. */
const costly: Readonly<Record<string, readonly string[]>> = {
  'onnxruntime-node': [],
  'onnxruntime-web': [],
  '@huggingface/transformers': [],
  tokenizers: [],
  exceljs: [],
}

/** Entries that also run in browsers, where Node's modules do not exist. */
const browser = ['@qilin-med/tensor', '@qilin-med/tensor/web', '@qilin-med/losses']

/** Our packages that each of our packages may load; the arrows of the design point one way. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  tensor: [],
  models: ['tensor'],
  lora: ['tensor', 'models'],
  losses: ['tensor'],
  train: ['tensor', 'models', 'lora', 'losses'],
  chimed: [],
  metrics: [],
  rag: [],
}

/**
 * What is wrong with what an entry loads, a sentence each: packages that are too costly, against the arrows or undeclared,
 * and modules of Node where a browser must do without.
 */
export const loadProblems = (entry: string, { files, builtins }: Loaded, project: string): string[] => {
  const [scope, name = ''] = entry.split('/')
  const own = `${scope}/${name}`
  const ours = new Set([own, ...(arrows[name] ?? []).map((other) => `${scope}/${other}`)])
  const declared = declaredBy(own, project)
  const node = browser.includes(entry) ? builtins.map((name) => `loads ${name}, which browsers do not have.`) : []
  return [...packagesOf(files, project)]
    .flatMap((loaded) => {
      if (loaded.startsWith(`${scope}/`) && !ours.has(loaded)) return [`loads ${loaded}, on which it may not depend.`]
      if (costly[loaded]?.includes(entry) === false)
        return [`loads ${loaded}; import it where it is used, with import().`]
      if (!declared.has(loaded)) return [`loads ${loaded}, which its package.json does not declare.`]
      return []
    })
    .concat(node)
}

/** Names of the packages that files below `project/node_modules` belong to. */
export const packagesOf = (files: readonly string[], project: string): Set<string> =>
  new Set(files.filter((file) => file.startsWith(join(project, 'node_modules'))).map(packageOf))

/** Name of the innermost package that a file belongs to. */
const packageOf = (file: string): string => {
  const parts = file.split(/[\\/]/)
  const [first = '', second = ''] = parts.slice(parts.lastIndexOf('node_modules') + 1)
  return first.startsWith('@') ? `${first}/${second}` : first
}

/** A package, what it declares, and what that declares in turn. */
const declaredBy = (name: string, project: string, seen: Set<string> = new Set()): Set<string> => {
  if (seen.has(name)) return seen
  seen.add(name)
  const { dependencies = {}, peerDependencies = {} } = installedManifest(name, project)
  for (const next of Object.keys({ ...dependencies, ...peerDependencies })) declaredBy(next, project, seen)
  return seen
}

/** The manifest of an installed package; empty for an optional peer that is absent or a copy nested in another package. */
const installedManifest = (name: string, project: string): Partial<Manifest> => {
  try {
    return JSON.parse(readFileSync(join(project, 'node_modules', name, 'package.json'), 'utf8'))
  } catch {
    return {}
  }
}
