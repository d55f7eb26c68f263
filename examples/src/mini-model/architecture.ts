import type { ModelConfig } from '@qilin-med/models'

/**
 * `config.json` of the embedded model: a Llama of two million parameters, small enough to be trained on a laptop and to
 * lie in a repository.
 */
export const miniConfig = (vocabularySize: number): Record<string, unknown> => ({
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: vocabularySize,
  hidden_size: 192,
  intermediate_size: 512,
  num_hidden_layers: 4,
  num_attention_heads: 6,
  num_key_value_heads: 6,
  head_dim: 32,
  hidden_act: 'silu',
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  max_position_embeddings: 256,
  tie_word_embeddings: true,
  attention_bias: false,
  mlp_bias: false,
  initializer_range: 0.07,
  bos_token_id: 1,
  eos_token_id: 2,
  pad_token_id: 0,
  torch_dtype: 'float32',
})

/** The same architecture as the packages see it. */
export const miniModelConfig = (vocabularySize: number): ModelConfig => ({
  family: 'llama',
  modelType: 'llama',
  vocabularySize,
  hiddenSize: 192,
  layers: 4,
  heads: 6,
  keyValueHeads: 6,
  headSize: 32,
  feedForwardSize: 512,
  norm: { kind: 'rms', epsilon: 1e-5, offset: 0 },
  activation: 'silu',
  biases: { queryKeyValue: false, attentionOutput: false, feedForward: false },
  queryKeyNorms: false,
  tiedEmbeddings: true,
  normalizedHead: false,
  positions: 'rope',
  maxPositions: 256,
  rope: { size: 32, global: { theta: 10000, scaling: { type: 'default' } }, local: undefined },
  layerTypes: ['full', 'full', 'full', 'full'],
  slidingWindow: undefined,
  queryScale: 32 ** -0.5,
  embeddingScale: 1,
  softcaps: { attention: undefined, logits: undefined },
  bosId: 1,
  eosIds: [2],
  padId: 0,
  dtype: 'float32',
  initializerRange: 0.07,
  raw: miniConfig(vocabularySize),
})
