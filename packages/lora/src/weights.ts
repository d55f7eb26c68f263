import type { LanguageModel } from '@qilin-med/models'
import { constantSource, toTyped } from '@qilin-med/tensor'
import { bfloat16ToFloat32, float16ToFloat32 } from '@qilin-med/tensor/safetensors'
import { LoraError } from './errors'
import type { ReadWeight } from './initial'

/** Reads weights of a model in float32, by checkpoint name: `lora({ dora: true }).create(modules, { seed, weight: weightsOf(model) })`. */
export const weightsOf =
  (model: Pick<LanguageModel, 'weight'>): ReadWeight =>
  (name) => {
    const source = constantSource(model.weight(name))
    const data = source?.read()
    if (source?.dtype === 'bfloat16') return bfloat16ToFloat32(data as Uint16Array)
    if (source?.dtype === 'float16') return float16ToFloat32(data as Uint16Array)
    if (data) return toTyped('float32', data) as Float32Array
    throw new LoraError(
      'options',
      `weightsOf: expected ${name} to be a constant, got none. Load the model with loadModel.`,
    )
  }
