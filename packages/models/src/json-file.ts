import { readFile } from 'node:fs/promises'
import { ModelsError } from './errors'

/** A JSON object as parsed. */
export type JsonObject = Readonly<Record<string, unknown>>

/**
 * The JSON object in a file; undefined when the file does not exist.
 *
 * @throws ModelsError `not-found` when it cannot be read for another reason, `bad-json` when it holds no JSON object
 */
export const readJsonObjectIfThere = async (path: string): Promise<JsonObject | undefined> => {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined
    throw new ModelsError(
      'not-found',
      `readJson: ${path}: expected a readable file, got ${cause.code}. Check the path.`,
      {
        path,
        cause,
      },
    )
  })
  if (text === undefined) return undefined
  const value = parse(text, path)
  if (isJsonObject(value)) return value
  throw new ModelsError(
    'bad-json',
    `readJson: ${path}: expected a JSON object, got ${kindOf(value)}. Replace the file.`,
    { path },
  )
}

/** The JSON object in a file that must exist. Errors as `readJsonObjectIfThere`. */
export const readJsonObject = async (path: string): Promise<JsonObject> => {
  const value = await readJsonObjectIfThere(path)
  if (value !== undefined) return value
  throw new ModelsError('not-found', `readJson: ${path}: expected a file, got none. Check the folder.`, { path })
}

/** True for a JSON object, not an array or null. */
export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const parse = (text: string, path: string): unknown => {
  try {
    return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text)
  } catch (cause) {
    throw new ModelsError(
      'bad-json',
      `readJson: ${path}: expected JSON, got ${(cause as Error).message}. Replace the file.`,
      {
        path,
        cause,
      },
    )
  }
}

const kindOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`
