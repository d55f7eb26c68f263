import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { array, type Compiled, constantSource, type Tensor } from '@qilin-med/tensor'
import { readSafetensors, readTensor, writeSafetensors } from '@qilin-med/tensor/safetensors'
import { writeFailure } from '../checkpoints/write'
import type { PreferenceRow } from '../data/rows'
import type { TrainableAdapter, TrainableModel } from '../model'
import type { BatchArrays, MicroBatch } from './micro-batch'
import type { StepTensors } from './objective'

/** Log-probabilities of both completions' tokens under the reference model, chosen first, by row number. */
export type ReferenceStore = Map<number, Float32Array>

/** Scores a micro-batch under the reference model and keeps the result by row. */
export const scoreReference = async (
  program: Compiled<[batch: StepTensors], Tensor>,
  { arrays, rows, numbers }: MicroBatch,
  store: ReferenceStore,
): Promise<void> => {
  const logProbs = (await program(arrays as never)).data as Float32Array
  let at = 0
  const take = (length: number) => logProbs.subarray(at, (at += length))
  const pairs = rows as readonly PreferenceRow[]
  const chosen = pairs.map(({ chosenIds }) => take(chosenIds.length))
  pairs.forEach(({ rejectedIds }, i) => {
    store.set(numbers[i]!, Float32Array.of(...chosen[i]!, ...take(rejectedIds.length)))
  })
}

/** The micro-batch's arrays with the reference log-probabilities of its tokens, in their order. */
export const withReference = ({ arrays, rows, numbers }: MicroBatch, store: ReferenceStore): BatchArrays => {
  const pairs = rows as readonly PreferenceRow[]
  const known = Array.from(numbers, (number) => store.get(number)!)
  const data = new Float32Array(arrays.targets!.data.length)
  let at = 0
  const put = (values: Float32Array) => {
    data.set(values, at)
    at += values.length
  }
  pairs.forEach(({ chosenIds }, i) => {
    put(known[i]!.subarray(0, chosenIds.length))
  })
  pairs.forEach(({ chosenIds }, i) => {
    put(known[i]!.subarray(chosenIds.length))
  })
  return { ...arrays, reference: array(data) }
}

/** SHA-256 over every weight of the model and of the reference adapter, if there is one. */
export const weightsFingerprint = (model: TrainableModel, adapter: TrainableAdapter | undefined): string => {
  const hash = createHash('sha256')
  for (const { name } of model.parameters) {
    const source = constantSource(model.weight(name))
    hash.update(`${name}\0${source?.dtype}\0`)
    if (source) hash.update(source.read())
  }
  if (adapter) hash.update(JSON.stringify([adapter.layout, adapter.config, adapter.structure])).update(adapter.values)
  return hash.digest('hex')
}

const cachePath = (folder: string): string => join(folder, 'reference.safetensors')

/** Reference log-probabilities kept by an earlier run under the same key; empty when there are none. */
export const readReferenceCache = async (folder: string, key: string): Promise<ReferenceStore> => {
  const store: ReferenceStore = new Map()
  try {
    const file = await readSafetensors(cachePath(folder))
    if (file.metadata.key !== key) return store
    const read = async (name: string) => (await readTensor(file, name)).data
    const numbers = (await read('numbers')) as Int32Array
    const lengths = (await read('lengths')) as Int32Array
    const logProbs = (await read('logProbs')) as Float32Array
    let at = 0
    numbers.forEach((number, i) => {
      store.set(number, logProbs.slice(at, (at += lengths[i]!)))
    })
  } catch {
    store.clear() // a cache that cannot be read is computed again
  }
  return store
}

/** Keeps reference log-probabilities for later runs. @throws TrainError `checkpoint-write` when they cannot be written */
export const writeReferenceCache = async (folder: string, key: string, store: ReferenceStore): Promise<void> => {
  const numbers = Int32Array.from(store.keys())
  const values = [...store.values()]
  const logProbs = new Float32Array(values.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const value of values) {
    logProbs.set(value, at)
    at += value.length
  }
  const vector = (name: string, dtype: 'int32' | 'float32', data: Int32Array | Float32Array) => ({
    name,
    dtype,
    shape: [data.length],
    data,
  })
  const tensors = [
    vector('numbers', 'int32', numbers),
    vector(
      'lengths',
      'int32',
      Int32Array.from(values, ({ length }) => length),
    ),
    vector('logProbs', 'float32', logProbs),
  ]
  try {
    await mkdir(folder, { recursive: true })
    await writeSafetensors(cachePath(folder), tensors, { metadata: { key } })
  } catch (cause) {
    throw writeFailure(cachePath(folder), cause)
  }
}
