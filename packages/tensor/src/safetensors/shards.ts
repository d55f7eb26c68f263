import { readFile } from 'node:fs/promises'
import { dirname, isAbsolute, join, normalize, sep } from 'node:path'
import { duplicateKey } from './duplicate-key'
import { SafetensorsError } from './errors'
import { readSafetensors, type SafetensorsFile } from './read'

/** Tensors of a sharded checkpoint, each with the file it lies in. */
export interface Shards {
  /** The index file. */
  readonly path: string
  /** The index's own metadata, such as `total_size`. */
  readonly metadata: Readonly<Record<string, unknown>>
  /** Opened shards in the order of their names. */
  readonly files: readonly SafetensorsFile[]
  /** Shard of each tensor that the index lists. */
  readonly tensors: ReadonlyMap<string, SafetensorsFile>
  /** Tensors that lie in a shard but not in the index; they are not part of the checkpoint. */
  readonly unlisted: readonly string[]
}

/**
 * A sharded checkpoint opened through its `model.safetensors.index.json`: every shard's header is read and checked.
 *
 * @throws SafetensorsError `bad-index`, `path-escape` when a shard's name leaves the folder, `unknown-tensor` when a
 * shard lacks a listed tensor, and all errors of `readSafetensors`
 */
export const readShards = async (path: string): Promise<Shards> => {
  const { metadata, weightMap } = await readIndex(path)
  const names = [...new Set(Object.values(weightMap))].sort()
  const opened = await Promise.all(
    names.map(async (name): Promise<[string, SafetensorsFile]> => [name, await readSafetensors(shardPath(path, name))]),
  )
  const files = new Map(opened)
  const tensors = new Map(Object.entries(weightMap).map(([tensor, name]) => [tensor, files.get(name)!]))
  for (const [tensor, file] of tensors) {
    if (!file.tensors.has(tensor))
      throw new SafetensorsError(
        'unknown-tensor',
        `readShards: ${path}: expected tensor "${tensor}" in ${file.path}, got a shard without it. Index and shards do not belong together.`,
        { path, tensor },
      )
  }
  const unlisted = opened.flatMap(([, file]) =>
    [...file.tensors.keys()].filter((tensor) => tensors.get(tensor) !== file),
  )
  return { path, metadata, files: opened.map(([, file]) => file), tensors, unlisted }
}

const readIndex = async (
  path: string,
): Promise<{ metadata: Record<string, unknown>; weightMap: Record<string, string> }> => {
  const fail = (what: string, cause?: unknown): never => {
    throw new SafetensorsError(
      'bad-index',
      `readShards: ${path}: expected {"weight_map": {tensor: file}}, got ${what}. Download the index again.`,
      { path, cause },
    )
  }
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new SafetensorsError(
      'not-found',
      `readShards: ${path}: expected a readable file, got ${cause.code ?? cause.message}. Check the path.`,
      { path, cause },
    )
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    return fail(`invalid JSON (${(cause as Error).message})`, cause)
  }
  const twice = duplicateKey(text)
  if (twice !== undefined) return fail(`the key "${twice}" twice`)
  const weightMap = isObject(value) ? value.weight_map : undefined
  if (!isObject(weightMap)) return fail('no weight_map')
  if (!Object.values(weightMap).every((name) => typeof name === 'string'))
    return fail('a file name that is not a string')
  const metadata = isObject(value) && isObject(value.metadata) ? value.metadata : {}
  return { metadata, weightMap: weightMap as Record<string, string> }
}

/** Path of a shard beside its index; a name from a downloaded file never leads out of the folder. */
const shardPath = (index: string, name: string): string => {
  const inside = normalize(name)
  const escapes =
    name === '' ||
    inside === '.' ||
    name.includes('\0') ||
    name.includes('\\') ||
    isAbsolute(name) ||
    inside.split(sep)[0] === '..'
  if (escapes)
    throw new SafetensorsError(
      'path-escape',
      `readShards: ${index}: expected a file name inside the folder, got ${JSON.stringify(name)}. Do not use this checkpoint.`,
      { path: index },
    )
  return join(dirname(index), inside)
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
