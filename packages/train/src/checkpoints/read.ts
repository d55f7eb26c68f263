import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readFloat32, readSafetensors } from '@qilin-med/tensor/safetensors'
import { TrainError } from '../errors'
import { type Checkpoint, type CheckpointRecord, checkpointFiles, checkpointFormat, stepOfName } from './checkpoint'
import { checksumOf, digestOf } from './write'

/**
 * One checkpoint, checked against its checksum.
 *
 * @throws TrainError `checkpoint-read` when a file is missing, cut off or changed
 */
export const readCheckpoint = async (path: string): Promise<Checkpoint> => {
  try {
    const { format, checksum, ...record } = JSON.parse(await readFile(join(path, checkpointFiles.record), 'utf8'))
    if (format !== checkpointFormat) throw new Error(`format ${format}`)
    const file = await readSafetensors(join(path, checkpointFiles.state))
    const state: Record<string, Float32Array> = {}
    for (const name of file.tensors.keys()) state[name] = await readFloat32(file, name)
    const digests = new Map(Object.entries(state).map(([name, values]) => [name, digestOf(values)]))
    if (checksumOf(digests) !== checksum) throw new Error('other bytes than were written')
    return { path, record: record as CheckpointRecord, state }
  } catch (cause) {
    throw new TrainError(
      'checkpoint-read',
      `train: ${path}: expected a complete checkpoint, got ${cause instanceof Error ? cause.message : cause}. Remove the folder to go on from an earlier one.`,
      { path, cause },
    )
  }
}

/**
 * The newest checkpoint of a folder that can be read; undefined when there is none.
 *
 * @param onBad told of each newer one that cannot be read
 */
export const latestCheckpoint = async (
  folder: string,
  onBad: (error: TrainError) => void = () => {},
): Promise<Checkpoint | undefined> => {
  const names = await readdir(folder).catch(() => [] as string[])
  const newestFirst = names
    .map((name) => ({ name, step: stepOfName(name) }))
    .filter(({ step }) => step !== undefined)
    .sort((a, b) => b.step! - a.step!)
  for (const { name } of newestFirst) {
    const read = await readCheckpoint(join(folder, name)).catch((error: TrainError) => error)
    if (!(read instanceof TrainError)) return read
    onBad(read)
  }
  return undefined
}
