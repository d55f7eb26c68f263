import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ChimedError } from '../errors'
import type { ChatTokenizer, Tokenizer } from '../types'

/**
 * The tokenizer that a spec names: a folder with `tokenizer.json` or `tokenizer.model` (needs `@qilin-med/models`), or `module:FILE`, a
 * module that exports `tokenizer` (or a function that makes it).
 *
 * @throws ChimedError `file-missing`, `dependency`
 */
export async function loadTokenizer(spec: string, folder = '.'): Promise<Tokenizer | ChatTokenizer> {
  if (spec.startsWith('module:')) return fromModule(resolve(folder, spec.slice('module:'.length)))
  const path = resolve(folder, spec)
  if (!existsSync(path))
    throw new ChimedError(
      'file-missing',
      `chimed: expected a folder with a tokenizer, got nothing at ${path}. Check the path.`,
      { path },
    )
  // The name stays out of the compiler's sight: models is installed by those who want it.
  const name: string = '@qilin-med/models'
  const models = (await import(name).catch((cause: unknown) => {
    throw new ChimedError(
      'dependency',
      `chimed: expected the package ${name}, got none installed. Run npm install ${name}.`,
      { cause },
    )
  })) as { loadTokenizer(path: string): Promise<Tokenizer> }
  try {
    return await models.loadTokenizer(path)
  } catch (cause) {
    throw new ChimedError(
      'file-format',
      `chimed: expected a tokenizer in ${path}, got "${(cause as Error).message}". Check the folder.`,
      { path, cause },
    )
  }
}

async function fromModule(path: string): Promise<Tokenizer> {
  const { tokenizer } = (await import(pathToFileURL(path).href).catch((cause: unknown) => {
    throw new ChimedError('dependency', `chimed: expected a module in ${path}, got ${String(cause)}. Check the path.`, {
      path,
      cause,
    })
  })) as { tokenizer?: Tokenizer | (() => Promise<Tokenizer>) }
  if (tokenizer === undefined)
    throw new ChimedError(
      'dependency',
      `chimed: expected ${path} to export tokenizer, got no such export. Export one.`,
      { path },
    )
  return typeof tokenizer === 'function' ? tokenizer() : tokenizer
}
