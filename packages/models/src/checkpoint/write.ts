import { copyFile, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { dtypes, type TensorToWrite, writeSafetensors } from '@qilin-med/tensor/safetensors'
import type { ModelConfig } from '../config/types'
import type { JsonObject } from '../json-file'
import { isSystemError, tokenizerPaths, writeFailed } from './folder'

/** What `writeCheckpoint` writes. */
export interface CheckpointContents {
  /** `config.json`, or a parsed config, whose file is written again. `dtype` becomes that of the weights. */
  readonly config: JsonObject | ModelConfig
  /** Weights by checkpoint name; give `data` as functions to hold one at a time. */
  readonly tensors: Iterable<TensorToWrite>
  /** `generation_config.json`; not written when left out. */
  readonly generationConfig?: JsonObject
  /** Folder whose tokenizer files are copied, such as that of the base model. */
  readonly tokenizerFolder?: string
  /** Paths of further files that are copied as they are: a licence, a log. */
  readonly files?: readonly string[]
  /** Bytes above which weights are split into shards; 5 GB by default, as in Transformers 4. */
  readonly maxShardBytes?: number
}

/**
 * Writes a Hugging Face folder that Transformers loads, and returns the names of its files. It is made beside the
 * folder and moved in when complete: at once where the folder is new, else file by file, the weights last; weights of
 * an earlier checkpoint are removed.
 *
 * @throws ModelsError `write-failed` with the system's error as cause; SafetensorsError for bad tensors
 */
export const writeCheckpoint = async (folder: string, contents: CheckpointContents): Promise<readonly string[]> => {
  const partial = `${folder.replace(/[/\\]+$/, '')}.partial`
  try {
    await rm(partial, { recursive: true, force: true })
    await mkdir(partial, { recursive: true })
    await writeFiles(partial, contents)
    return await moveInto(folder, partial)
  } catch (cause) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined)
    throw isSystemError(cause) ? writeFailed('writeCheckpoint', folder, cause) : cause
  }
}

const writeFiles = async (
  folder: string,
  { config, tensors, tokenizerFolder, generationConfig, files = [], maxShardBytes = 5e9 }: CheckpointContents,
): Promise<void> => {
  const all = [...tensors]
  await writeJson(join(folder, 'config.json'), configOf(config, all))
  if (generationConfig !== undefined) await writeJson(join(folder, 'generation_config.json'), generationConfig)
  const copies = [...files, ...(tokenizerFolder === undefined ? [] : await tokenizerPaths(tokenizerFolder))]
  for (const file of copies) await copyFile(file, join(folder, basename(file)))
  await writeWeights(folder, all, maxShardBytes)
}

/** The config with the number format that the weights now have. */
const configOf = (config: JsonObject | ModelConfig, tensors: readonly TensorToWrite[]): JsonObject => {
  const raw = isParsed(config) ? config.raw : config
  const floats = tensors.map(({ dtype }) => dtype).filter((dtype) => /^(b?float16|float32)$/.test(dtype))
  if (floats[0] === undefined) return raw
  const { torch_dtype, dtype, ...rest } = raw
  return torch_dtype === undefined ? { ...rest, dtype: floats[0] } : { ...rest, torch_dtype: floats[0] }
}

const isParsed = (config: JsonObject | ModelConfig): config is ModelConfig => 'raw' in config && 'family' in config

const writeWeights = async (
  folder: string,
  tensors: readonly TensorToWrite[],
  maxShardBytes: number,
): Promise<void> => {
  const metadata = { format: 'pt' } // Transformers refuses files without it
  const shards = split(tensors, maxShardBytes)
  if (shards.length <= 1) {
    await writeSafetensors(join(folder, 'model.safetensors'), tensors, { metadata })
    return
  }
  const number = (i: number): string => String(i).padStart(5, '0')
  const weightMap: [string, string][] = []
  for (const [i, shard] of shards.entries()) {
    const name = `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`
    await writeSafetensors(join(folder, name), shard, { metadata })
    for (const tensor of shard) weightMap.push([tensor.name, name])
  }
  await writeJson(join(folder, 'model.safetensors.index.json'), {
    metadata: { total_size: tensors.reduce((sum, tensor) => sum + byteSize(tensor), 0) },
    weight_map: Object.fromEntries(weightMap.sort(([a], [b]) => (a < b ? -1 : 1))),
  })
}

/** Consecutive tensors, as many as fit, at least one a shard. */
const split = (tensors: readonly TensorToWrite[], maxShardBytes: number): TensorToWrite[][] => {
  const shards: TensorToWrite[][] = []
  let room = 0
  for (const tensor of tensors) {
    const size = byteSize(tensor)
    if (shards.length === 0 || size > room) {
      shards.push([])
      room = maxShardBytes
    }
    shards.at(-1)!.push(tensor)
    room -= size
  }
  return shards
}

const byteSize = ({ dtype, shape }: TensorToWrite): number => dtypes[dtype].bytes * shape.reduce((a, b) => a * b, 1)

const writeJson = (path: string, value: unknown): Promise<void> =>
  writeFile(path, `${JSON.stringify(value, undefined, 2)}\n`)

/** Puts the finished files in place and gives their names. */
const moveInto = async (folder: string, partial: string): Promise<string[]> => {
  const files = (await readdir(partial)).sort((a, b) => Number(isWeights(a)) - Number(isWeights(b)) || (a < b ? -1 : 1))
  if ((await stat(folder).catch(() => undefined)) === undefined) {
    await rename(partial, folder)
    return files
  }
  for (const name of files) await rename(join(partial, name), join(folder, name))
  for (const old of await readdir(folder)) if (isWeights(old) && !files.includes(old)) await rm(join(folder, old))
  await rm(partial, { recursive: true })
  return files
}

const isWeights = (name: string): boolean =>
  /^model(-\d+-of-\d+)?\.safetensors$|^model\.safetensors\.index\.json$/.test(name)
