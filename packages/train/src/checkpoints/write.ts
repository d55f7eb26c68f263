import { createHash } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeSafetensors } from '@qilin-med/tensor/safetensors'
import { TrainError } from '../errors'
import { type CheckpointRecord, checkpointFiles, checkpointFormat, checkpointName, stepOfName } from './checkpoint'

/** Flat vectors of a run by name, each read when its turn comes. */
export type StateSource = Readonly<Record<string, { readonly size: number; read(): Promise<Float32Array> }>>

/**
 * Writes a checkpoint and returns its folder. The folder appears under its name only when everything is on disk, so a
 * run that is killed at any moment leaves the earlier checkpoints as they were.
 *
 * @throws TrainError `checkpoint-write` when the disk is full or the folder cannot be written
 */
export const writeCheckpoint = async (
  folder: string,
  record: CheckpointRecord,
  state: StateSource,
): Promise<string> => {
  const path = join(folder, checkpointName(record.step))
  const partial = join(folder, `.${checkpointName(record.step)}.partial`)
  try {
    await rm(partial, { recursive: true, force: true })
    await mkdir(partial, { recursive: true })
    const checksum = await writeState(join(partial, checkpointFiles.state), state)
    const text = JSON.stringify({ format: checkpointFormat, checksum, ...record })
    await writeFile(join(partial, checkpointFiles.record), text, { flush: true })
    await rm(path, { recursive: true, force: true })
    await rename(partial, path)
    await syncFolder(folder)
  } catch (cause) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined)
    throw writeFailure(path, cause, record.step)
  }
  return path
}

/** Removes what earlier, killed runs left half-written. */
export const clearPartial = async (folder: string): Promise<void> => {
  const names = await readdir(folder).catch(() => [])
  const stale = names.filter((name) => /^\.checkpoint-\d+\.partial$/.test(name))
  await Promise.all(stale.map((name) => rm(join(folder, name), { recursive: true, force: true })))
}

/** Removes all but the `keep` newest checkpoints; the best one stays too. */
export const pruneCheckpoints = async (folder: string, keep: number, best: number | undefined): Promise<void> => {
  const steps = (await readdir(folder)).map(stepOfName).filter((step) => step !== undefined)
  const old = steps.sort((a, b) => b - a).slice(keep)
  for (const step of old)
    if (step !== best) await rm(join(folder, checkpointName(step)), { recursive: true, force: true })
}

/** Writes the vectors, one in memory at a time, and returns a checksum over them. */
const writeState = async (path: string, state: StateSource): Promise<string> => {
  const digests = new Map<string, string>()
  const tensors = Object.entries(state).map(([name, { size, read }]) => ({
    name,
    dtype: 'float32' as const,
    shape: [size],
    data: async () => {
      const values = await read()
      digests.set(name, digestOf(values))
      return values
    },
  }))
  await writeSafetensors(path, tensors)
  return checksumOf(digests)
}

/** SHA-256 of one vector. */
export const digestOf = (values: Float32Array): string => createHash('sha256').update(values).digest('hex')

/** One text for the digests of all vectors. */
export const checksumOf = (digests: ReadonlyMap<string, string>): string => {
  const lines = [...digests].sort(([a], [b]) => (a < b ? -1 : 1)).map((entry) => entry.join(' '))
  return createHash('sha256').update(lines.join('\n')).digest('hex')
}

/** Makes the rename itself last; not every platform can. */
const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder).catch(() => undefined)
  await handle?.sync().catch(() => undefined)
  await handle?.close()
}

/** The error for a file or folder of a run that could not be written. */
export const writeFailure = (path: string, cause: unknown, step?: number): TrainError =>
  new TrainError(
    'checkpoint-write',
    `train: ${path}: expected a writable place, got ${reasonOf(cause)}. Free some space or choose another folder; earlier checkpoints are intact.`,
    { path, cause, ...(step !== undefined && { step }) },
  )

const reasonOf = (cause: unknown): string => {
  const code = (error: unknown) => (error as NodeJS.ErrnoException | undefined)?.code
  const inner = cause instanceof Error ? cause.cause : undefined
  return code(inner) ?? code(cause) ?? String(cause)
}
