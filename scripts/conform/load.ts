import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { oneLine } from './errors'
import type { Kind } from './kind'

/** The kinds that could be loaded, and why the others could not. */
export interface LoadedKinds {
  readonly kinds: readonly Kind[]
  readonly broken: readonly { readonly name: string; readonly message: string }[]
}

/** Every kind exported by the files in `folder`, as `kind` or in `kinds`, ordered by file name. */
export const loadKinds = async (folder: string): Promise<LoadedKinds> => {
  const kinds: Kind[] = []
  const broken: { name: string; message: string }[] = []
  for (const file of kindFiles(folder)) {
    try {
      kinds.push(...(await exportedKinds(file)))
    } catch (error) {
      broken.push({ name: basename(file), message: oneLine(error) })
    }
  }
  return { kinds, broken }
}

const kindFiles = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.endsWith('.d.ts'))
    .sort()
    .map((name) => join(folder, name))

const exportedKinds = async (file: string): Promise<Kind[]> => {
  const module: { kind?: Kind; kinds?: readonly Kind[] } = await import(pathToFileURL(file).href)
  const found = [...(module.kind ? [module.kind] : []), ...(module.kinds ?? [])]
  if (found.length === 0)
    throw new Error(`expected an export named 'kind' or 'kinds', got ${Object.keys(module).join(', ') || 'none'}`)
  return found
}
