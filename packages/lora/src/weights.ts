import type { LanguageModel } from '@qilin-med/models'
import { constantSource, convertElements } from '@qilin-med/tensor'
import { LoraError } from './errors'
import type { ReadWeight } from './initial'

/** Reads weights of a model in float32, by checkpoint name: `lora({ dora: true }).create(modules, { seed, weight: weightsOf(model) })`. */
export const weightsOf =
  (model: Pick<LanguageModel, 'weight'>): ReadWeight =>
  (name) => {
    const source = constantSource(model.weight(name))
    if (source) return convertElements(source.dtype, source.read(), 'float32') as Float32Array
    throw new LoraError(
      'options',
      `weightsOf: expected ${name} to be a constant, got none. Load the model with loadModel.`,
    )
  }
