import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ConstantSource, DType, TypedArray } from '@qilin-med/tensor'
import {
  dtypes,
  readFloat32,
  readSafetensors,
  readShards,
  readTensor,
  readTensorSync,
  type SafetensorsFile,
  type StoredTensor,
  type TensorEntry,
} from '@qilin-med/tensor/safetensors'
import { readConfig } from '../config/parse'
import type { ModelConfig } from '../config/types'
import { ModelsError } from '../errors'
import { type GenerationConfig, readGenerationConfig } from './generation-config'
import { canonicalName } from './names'

/**
 * A Hugging Face folder whose config and weight headers were read and checked; the weights are still on disk. Tensors
 * have the names of a checkpoint of the whole language model, also where the file has others (published GPT-2, models
 * saved without their head, Gemma 3 with its vision tower).
 */
export interface Checkpoint {
  readonly folder: string
  readonly config: ModelConfig
  readonly generationConfig: GenerationConfig
  readonly names: readonly string[]
  /** Tensors that lie in a shard without being listed in the index; they are not used. */
  readonly unlisted: readonly string[]
  /** Where a tensor lies; undefined when the checkpoint has none of that name. */
  locate(name: string): Location | undefined
  /** A floating-point tensor's values, widened to float32. @throws ModelsError `missing-tensor` */
  read(name: string): Promise<Float32Array>
  /** A tensor as stored; half precision stays raw bits. @throws ModelsError `missing-tensor` */
  readStored(name: string): Promise<StoredTensor>
  /**
   * A weight as a constant of a traced program in the format it is stored in, read when it is needed; undefined when
   * the checkpoint lacks it. @throws ModelsError `unsupported-feature` for 8-bit floats
   */
  source(name: string): ConstantSource | undefined
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
  const config = await readConfig(folder)
  const generationConfig = await readGenerationConfig(folder, config)
  const { files, unlisted } = await openWeights(folder)
  const locate = (name: string): Location | undefined => {
    const file = files.get(name)
    const entry = file?.tensors.get(name)
    if (file === undefined || entry === undefined) return undefined
    return { file, entry, offset: file.dataOffset + entry.begin, byteLength: entry.end - entry.begin }
  }
  const fileOf = (name: string): SafetensorsFile => files.get(name) ?? missing(folder, name, [...files.keys()])

  return {
    folder,
    config,
    generationConfig,
    names: [...files.keys()],
    unlisted,
    locate,
    read: async (name) => readFloat32(fileOf(name), name),
    readStored: async (name) => readTensor(fileOf(name), name),
    source(name) {
      const place = locate(name)
      if (place === undefined) return undefined
      const { file, entry, offset, byteLength } = place
      const { dtype, shape } = entry
      if (!isTraceable(dtype)) return untraceable(file.path, name, dtype)
      const location = { path: file.path, offset, byteLength }
      return { dtype, shape, location, read: () => readTensorSync(file, name).data as TypedArray }
    },
  }
}

interface Weights {
  /** The file of every tensor; names are canonical, also inside the file. */
  readonly files: ReadonlyMap<string, SafetensorsFile>
  readonly unlisted: readonly string[]
}

const openWeights = async (folder: string): Promise<Weights> => {
  const there = await readdir(folder)
  if (there.includes('model.safetensors')) {
    const file = renamed(await readSafetensors(join(folder, 'model.safetensors')))
    return { files: new Map([...file.tensors.keys()].map((name) => [name, file])), unlisted: [] }
  }
  if (!there.includes('model.safetensors.index.json')) return noWeights(folder, there)
  const { tensors, files, unlisted } = await readShards(join(folder, 'model.safetensors.index.json'))
  const byFile = new Map(files.map((file) => [file, renamed(file)]))
  return { files: new Map([...tensors].map(([stored, file]) => [canonicalName(stored), byFile.get(file)!])), unlisted }
}

/** A file whose tensors go by their canonical names. */
const renamed = (file: SafetensorsFile): SafetensorsFile => ({
  ...file,
  tensors: new Map([...file.tensors].map(([stored, entry]) => [canonicalName(stored), entry])),
})

const noWeights = (folder: string, there: readonly string[]): never => {
  const pickle = there.find((name) =>
    /^(pytorch_model.*\.bin(\.index\.json)?|model\.pt|consolidated.*\.pth)$/.test(name),
  )
  if (pickle !== undefined)
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

const missing = (folder: string, name: string, names: readonly string[]): never => {
  const some = names.length > 0 ? `${names.length} others, such as ${names.slice(0, 3).join(', ')}` : 'none'
  throw new ModelsError(
    'missing-tensor',
    `openCheckpoint: ${folder}: expected a tensor named ${name}, got ${some}. The checkpoint is incomplete, or belongs to another architecture.`,
    { path: folder, tensor: name },
  )
}

const untraced: readonly string[] = ['float8_e5m2', 'float8_e4m3', 'float8_e8m0', 'complex64', 'uint16', 'uint64']

const isTraceable = (dtype: string): dtype is DType => dtype in dtypes && !untraced.includes(dtype)

const untraceable = (path: string, name: string, dtype: string): never => {
  throw new ModelsError(
    'unsupported-feature',
    `openCheckpoint: ${path}: expected tensor ${name} in float32, float16 or bfloat16, got ${dtype}. Use the unquantised checkpoint.`,
    { path, tensor: name },
  )
}
