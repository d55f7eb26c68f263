import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readSafetensors, type SafetensorsFile, writeSafetensors } from '@qilin-med/tensor/safetensors'
import type { Checkpoint } from './open'

/**
 * The checkpoint's weights as a float32 safetensors file in `folder`, so that programs can map them without a copy of
 * their own. Written once: the name holds the size and time of the files it came from.
 */
export const float32File = async (checkpoint: Checkpoint, folder: string): Promise<SafetensorsFile> => {
  const path = join(folder, `${await sourceKey(checkpoint)}.safetensors`)
  const known = await readSafetensors(path).catch(() => undefined)
  if (known) return known
  await mkdir(folder, { recursive: true })
  const own = await mkdtemp(join(folder, 'writing-')) // another process may be writing the same file
  try {
    const tensors = checkpoint.names.map((name) => ({
      name,
      dtype: 'float32' as const,
      shape: checkpoint.locate(name)!.entry.shape,
      data: () => checkpoint.read(name),
    }))
    await writeSafetensors(join(own, 'model.safetensors'), tensors)
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
