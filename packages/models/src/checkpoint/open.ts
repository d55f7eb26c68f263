import { access } from 'node:fs/promises'
import { join } from 'node:path'
import {
  readFloat32,
  readSafetensors,
  readShards,
  type SafetensorsFile,
  type TensorEntry,
} from '@qilin-med/tensor/safetensors'
import { parseConfig } from '../config/parse'
import type { ModelConfig } from '../config/types'
import { ModelsError } from '../errors'
import { type JsonObject, readJsonObject, readJsonObjectIfThere } from '../json-file'

/** A Hugging Face folder whose config and weight headers were read and checked; the weights are still on disk. */
export interface Checkpoint {
  readonly folder: string
  readonly config: ModelConfig
  /** `generation_config.json`, where there is one. */
  readonly generationConfig: JsonObject | undefined
  readonly names: readonly string[]
  /** Where a tensor lies; undefined when the checkpoint has none of that name. */
  locate(name: string): Location | undefined
  /** A tensor's values, widened to float32. @throws ModelsError `missing-tensor` */
  read(name: string): Promise<Float32Array>
}

/** Bytes of one tensor in a file. */
export interface Location {
  readonly file: SafetensorsFile
  readonly entry: TensorEntry
  /** From the beginning of the file. */
  readonly offset: number
  readonly byteLength: number
}

/**
 * Opens a folder with `config.json` and `model.safetensors` (or its sharded index).
 *
 * @throws ModelsError `not-found`, `bad-config`, `unsupported-model`; `pickle-checkpoint` when the weights are there only
 * as a pickle, which this package never loads. SafetensorsError when a weight file is malformed.
 */
export const openCheckpoint = async (folder: string): Promise<Checkpoint> => {
  const configPath = join(folder, 'config.json')
  const config = parseConfig(await readJsonObject(configPath), configPath)
  const files = await weightFiles(folder)
  const locate = (name: string): Location | undefined => {
    const file = files.get(name)
    const entry = file?.tensors.get(name)
    if (!file || !entry) return undefined
    return { file, entry, offset: file.dataOffset + entry.begin, byteLength: entry.end - entry.begin }
  }
  return {
    folder,
    config,
    generationConfig: await readJsonObjectIfThere(join(folder, 'generation_config.json')),
    names: [...files.keys()],
    locate,
    read: async (name) => {
      const place = locate(name)
      if (place) return readFloat32(place.file, name)
      throw new ModelsError(
        'missing-tensor',
        `openCheckpoint: ${folder}: expected a tensor named ${name}, got none. The checkpoint is incomplete, or belongs to another architecture.`,
        { path: folder, tensor: name },
      )
    },
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** The file of every tensor, of a single or a sharded checkpoint. */
const weightFiles = async (folder: string): Promise<ReadonlyMap<string, SafetensorsFile>> => {
  const single = join(folder, 'model.safetensors')
  if (await exists(single)) {
    const file = await readSafetensors(single)
    return new Map([...file.tensors.keys()].map((name) => [name, file]))
  }
  const index = join(folder, 'model.safetensors.index.json')
  if (await exists(index)) return (await readShards(index)).tensors
  for (const pickle of ['pytorch_model.bin', 'pytorch_model.bin.index.json', 'model.pt', 'consolidated.00.pth'])
    if (await exists(join(folder, pickle)))
      throw new ModelsError(
        'pickle-checkpoint',
        `openCheckpoint: ${join(folder, pickle)}: expected safetensors, got a pickle, which can run code when loaded. Convert it with save_pretrained(safe_serialization=True).`,
        { path: join(folder, pickle) },
      )
  throw new ModelsError(
    'not-found',
    `openCheckpoint: ${folder}: expected model.safetensors or model.safetensors.index.json, got neither. Copy the weights into the folder.`,
    { path: folder },
  )
}
