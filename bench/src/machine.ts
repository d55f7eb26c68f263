import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus } from 'node:os'
import { dirname, join } from 'node:path'

/** The machine in words: processor, cores that this process may use, platform. */
export const device = (): string => {
  const model = cpus()[0]?.model.replace(/\s+/g, ' ').trim() ?? 'unknown processor'
  return `${model}, ${availableParallelism()} cores, ${process.platform} ${process.arch}`
}

/** Versions that every figure depends on. */
export const versions = (): Record<string, string> => ({
  node: process.versions.node,
  'onnxruntime-node': packageVersion('onnxruntime-node'),
})

/** Version of an installed package, found from its entry upwards because an exports map may hide its package.json. */
const packageVersion = (name: string): string => {
  for (let folder = dirname(createRequire(import.meta.url).resolve(name)); ; folder = dirname(folder)) {
    const found = manifest(folder)
    if (found?.name === name) return found.version
    if (folder === dirname(folder)) return 'unknown'
  }
}

const manifest = (folder: string): { name: string; version: string } | undefined => {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  } catch {
    return undefined
  }
}
