import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parametersOf, parseConfig } from '@qilin-med/models'
import { writeSafetensors } from '@qilin-med/tensor/safetensors'
import type { StepShape } from './shapes'

/** A checkpoint folder that is removed when it is disposed of. */
export interface TemporaryCheckpoint extends AsyncDisposable {
  readonly folder: string
}

/** A float32 checkpoint of the shape with invented weights, in the system's temporary folder. */
export const temporaryCheckpoint = async ({ config }: Pick<StepShape, 'config'>): Promise<TemporaryCheckpoint> => {
  const folder = await mkdtemp(join(tmpdir(), 'qilin-med-step-'))
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, dtype: 'float32' }))
  const tensors = parametersOf(parseConfig(config)).map(({ name, shape }, index) => ({
    name,
    dtype: 'float32' as const,
    shape,
    data: () => weights(shape, index, isGain(name) ? config.model_type : undefined),
  }))
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { metadata: { format: 'pt' } })
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

const isGain = (name: string): boolean => /norm\.weight$/.test(name)

/** Gains of one (Gemma stores them less one), and matrices as a fresh model has them: even in ±√(3 / width). */
const weights = (shape: readonly number[], seed: number, gainOf: unknown): Float32Array => {
  const data = new Float32Array(shape.reduce((size, length) => size * length, 1))
  if (gainOf !== undefined) return data.fill(gainOf === 'gemma3_text' ? 0 : 1)
  const scale = Math.sqrt(3 / shape.at(-1)!)
  let state = seed + 1
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    data[i] = (state / 2 ** 31 - 1) * scale
  }
  return data
}
