import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSafetensors, readTensorSync } from '@qilin-med/tensor/safetensors'

/** An array of numbers with its shape. */
export interface Numbers {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** The arrays of a safetensors file. */
export interface Arrays {
  readonly names: readonly string[]
  has(name: string): boolean
  /** An array as float32, whatever its stored type. Ids and masks are small enough to stay exact. */
  get(name: string): Numbers
}

/** Arrays and the JSON file of the same name. */
export interface Golden<Json> extends Arrays {
  readonly json: Json
}

/** The arrays of `path.safetensors`; undefined where it is absent. */
export const openArrays = async (path: string): Promise<Arrays | undefined> => {
  if (!existsSync(`${path}.safetensors`)) return undefined
  const file = await readSafetensors(`${path}.safetensors`)
  return {
    names: [...file.tensors.keys()],
    has: (name) => file.tensors.has(name),
    get: (name) => {
      const { shape, data } = readTensorSync(file, name)
      return { shape, data: data instanceof Float32Array ? data : Float32Array.from(data as Int32Array, Number) }
    },
  }
}

/** The pair `path.json` and `path.safetensors`; undefined where one is absent. */
export const openGolden = async <Json>(path: string): Promise<Golden<Json> | undefined> => {
  const arrays = await openArrays(path)
  if (!arrays || !existsSync(`${path}.json`)) return undefined
  return { ...arrays, json: JSON.parse(readFileSync(`${path}.json`, 'utf8')) as Json }
}

/** The JSON of a file, undefined where it is absent. */
export const readJson = <T>(folder: string, name: string): T | undefined => {
  const path = join(folder, name)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : undefined
}
