import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  readSafetensors,
  type SafetensorsFile,
  type TensorToWrite,
  writeSafetensors,
} from '@qilin-med/tensor/safetensors'
import type { Checkpoint } from './open'

/** Weights of a checkpoint in another format, in a file that programs map. */
export interface WeightFile {
  readonly folder: string
  /** Says which format it is, in a word or two that may stand in a file name; another format needs another one. */
  readonly format: string
  tensors(): readonly TensorToWrite[]
}

/**
 * The file, from `folder` where an earlier call has written it. Its name holds the size and time of the files that the
 * weights came from. Tensors are made and written one by one, so memory holds one at a time.
 */
export const weightFile = async (
  checkpoint: Checkpoint,
  { folder, format, tensors }: WeightFile,
): Promise<SafetensorsFile> => {
  const path = join(folder, `${await sourceKey(checkpoint)}-${format}.safetensors`)
  const known = await readSafetensors(path).catch(() => undefined)
  if (known) return known
  await mkdir(folder, { recursive: true })
  const own = await mkdtemp(join(folder, 'writing-')) // another process may be writing the same file
  try {
    await writeSafetensors(join(own, 'model.safetensors'), tensors())
    await rename(join(own, 'model.safetensors'), path)
  } finally {
    await rm(own, { recursive: true, force: true })
  }
  return readSafetensors(path)
}

const sourceKey = async (checkpoint: Checkpoint): Promise<string> => {
  const paths = new Set(checkpoint.names.map((name) => checkpoint.locate(name)!.file.path))
  const hash = createHash('sha256')
  for (const path of [...paths].sort()) {
    const { size, mtimeMs } = await stat(path)
    hash.update(`${path}\0${size}\0${mtimeMs}\0`)
  }
  return hash.digest('hex').slice(0, 16)
}
