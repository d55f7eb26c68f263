import { ModelsError } from '../errors'
import { isJsonObject, type JsonObject } from '../json-file'

/** Typed access to the keys of a config; every refusal names file, key, what was expected and what was there. */
export interface Fields {
  readonly raw: JsonObject
  /** Where the config came from, for messages. */
  readonly path: string
  /** Whole number from 1 to 2^31 - 1. Null and absent give `fallback`; without one they are an error. */
  size(key: string, fallback?: number): number
  /** Finite number. Null and absent give `fallback`; without one they are an error. */
  number(key: string, fallback?: number): number
  optionalNumber(key: string): number | undefined
  boolean(key: string, fallback: boolean): boolean
  text(key: string, fallback?: string): string
  /** Nested object, undefined when null or absent. */
  object(key: string): Fields | undefined
  /** Error about a key, in the house form. */
  refuse(key: string, expected: string, advice?: string): never
}

/** Fields of a parsed config. */
export const fieldsOf = (raw: JsonObject, path = 'config.json', parent = ''): Fields => {
  const get = (key: string): unknown => raw[key] ?? undefined
  const refuse = (key: string, expected: string, advice = 'Correct the file.'): never => {
    throw new ModelsError(
      'bad-config',
      `parseConfig: ${path}: expected ${parent}${key} to be ${expected}, got ${JSON.stringify(raw[key])}. ${advice}`,
      { path, key: `${parent}${key}` },
    )
  }
  const fields: Fields = {
    raw,
    path,
    refuse,
    size(key, fallback) {
      const value = get(key) ?? fallback
      const valid = Number.isSafeInteger(value) && Number(value) > 0 && Number(value) < 2 ** 31
      return valid ? Number(value) : refuse(key, 'a whole number above zero')
    },
    number(key, fallback) {
      const value = get(key) ?? fallback
      return typeof value === 'number' && Number.isFinite(value) ? value : refuse(key, 'a number')
    },
    optionalNumber: (key) => (get(key) === undefined ? undefined : fields.number(key)),
    boolean(key, fallback) {
      const value = get(key) ?? fallback
      return typeof value === 'boolean' ? value : refuse(key, 'true or false')
    },
    text(key, fallback) {
      const value = get(key) ?? fallback
      return typeof value === 'string' ? value : refuse(key, 'a text')
    },
    object(key) {
      const value = get(key)
      if (value === undefined) return undefined
      return isJsonObject(value) ? fieldsOf(value, path, `${parent}${key}.`) : refuse(key, 'an object')
    },
  }
  return fields
}

/** Error for something a config asks for and this package does not have. */
export const unsupported = ({ path }: Fields, key: string, what: string, advice: string): never => {
  throw new ModelsError('unsupported-feature', `parseConfig: ${path}: expected ${what}. ${advice}`, { path, key })
}
