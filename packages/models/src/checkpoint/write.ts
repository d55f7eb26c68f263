import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type TensorToWrite, writeSafetensors } from '@qilin-med/tensor/safetensors'
import { ModelsError } from '../errors'
import type { JsonObject } from '../json-file'

/** What `writeCheckpoint` writes. */
export interface CheckpointContents {
  /** `config.json`. */
  readonly config: JsonObject
  readonly tensors: Iterable<TensorToWrite>
  /** Files copied as they are: the tokenizer's, usually. */
  readonly files?: readonly string[]
  readonly generationConfig?: JsonObject
}

/**
 * Writes a Hugging Face folder: `config.json`, `model.safetensors`, and copies of the given files. Each file appears
 * whole or not at all, the weights last.
 *
 * @throws ModelsError `write-failed` with the system's error as cause
 */
export const writeCheckpoint = async (
  folder: string,
  { config, tensors, files = [], generationConfig }: CheckpointContents,
): Promise<void> => {
  try {
    await mkdir(folder, { recursive: true })
    await writeJson(join(folder, 'config.json'), config)
    if (generationConfig) await writeJson(join(folder, 'generation_config.json'), generationConfig)
    for (const file of files) await replace(join(folder, basename(file)), (partial) => copyFile(file, partial))
  } catch (cause) {
    throw new ModelsError(
      'write-failed',
      `writeCheckpoint: ${folder}: expected a writable folder, got ${(cause as NodeJS.ErrnoException).code ?? cause}. Check permissions and free space.`,
      { path: folder, cause },
    )
  }
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { metadata: { format: 'pt' } })
}

const writeJson = (path: string, value: JsonObject): Promise<void> =>
  replace(path, (partial) => writeFile(partial, `${JSON.stringify(value, undefined, 2)}\n`))

const replace = async (path: string, write: (partial: string) => Promise<void>): Promise<void> => {
  const partial = `${path}.partial`
  try {
    await write(partial)
    await rename(partial, path)
  } finally {
    await rm(partial, { force: true })
  }
}
