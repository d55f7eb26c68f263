import { fillNormal, foldIn, type NdArray, type Runtime, randomKey, referenceRuntime } from '@qilin-med/tensor'
import { parseConfig } from '../config/parse'
import { createModel, type LanguageModel } from '../model'

const shared = { vocab_size: 13, hidden_size: 8, intermediate_size: 12, num_hidden_layers: 2, num_attention_heads: 2 }
const configs = {
  qwen2: { ...shared, model_type: 'qwen2', num_key_value_heads: 1, tie_word_embeddings: false, eos_token_id: 2 },
  tied: { ...shared, model_type: 'llama', tie_word_embeddings: true, eos_token_id: 2 },
  mistral: { ...shared, model_type: 'mistral', num_key_value_heads: 1, sliding_window: 3, eos_token_id: 2 },
  gemma2: { ...shared, model_type: 'gemma2', num_key_value_heads: 1, head_dim: 4, sliding_window: 3, eos_token_id: 2 },
  alibi: { ...shared, model_type: 'baichuan', vocab_size: 13, eos_token_id: 2 },
  gpt2: { model_type: 'gpt2', vocab_size: 13, n_embd: 8, n_layer: 2, n_head: 2, n_positions: 32, eos_token_id: 2 },
} as const

/** A model of 13 token ids with invented weights; `change` may alter or withhold some. */
export const tinyModel = (
  family: keyof typeof configs,
  runtime: Runtime = referenceRuntime(),
  change: (name: string, weight: NdArray) => NdArray | undefined = (_, weight) => weight,
): LanguageModel => {
  const config = parseConfig(configs[family])
  const weights = (name: string): NdArray | undefined => {
    const index = model.parameters.findIndex((parameter) => parameter.name === name)
    const { shape } = model.parameters[index]!
    const data = new Float32Array(shape.reduce((size, length) => size * length, 1))
    return change(name, { dtype: 'float32', shape, data: fillNormal(foldIn(randomKey(7), index), data, 0.5) })
  }
  const model: LanguageModel = createModel(config, weights, runtime)
  return model
}
