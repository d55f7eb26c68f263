import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSafetensors, readTensorSync } from '@qilin-med/tensor/safetensors'

/** An array of numbers with its shape. */
export interface Numbers {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** One theme of the golden losses: its JSON and its arrays. */
export interface Golden<Json> {
  readonly json: Json
  has(name: string): boolean
  /** An array as numbers, whatever its stored type. */
  get(name: string): Numbers
}

/** The theme `losses/NAME`; undefined where it is absent. */
export const openGolden = async <Json>(golden: string, name: string): Promise<Golden<Json> | undefined> => {
  const path = join(golden, 'losses', name)
  if (!existsSync(`${path}.json`)) return undefined
  const file = await readSafetensors(`${path}.safetensors`)
  return {
    json: JSON.parse(readFileSync(`${path}.json`, 'utf8')) as Json,
    has: (array) => file.tensors.has(array),
    get: (array) => {
      const { shape, data } = readTensorSync(file, array)
      return { shape, data: data instanceof Float32Array ? data : Float32Array.from(data as Int32Array, Number) }
    },
  }
}
