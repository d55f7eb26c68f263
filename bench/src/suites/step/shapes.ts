/** A model architecture with one micro-batch: what a step is measured on. */
export interface StepShape {
  /** Short name in the names of cases. */
  readonly name: string
  /** `config.json` of the checkpoint, as transformers reads it. */
  readonly config: ModelShape & Readonly<Record<string, unknown>>
  /** Tokens of the row. */
  readonly tokens: number
  /** Every how many positions one has a label: 1 for all, 3 for a third. */
  readonly labelEvery: number
}

/** The keys of `config.json` that decide how much work a step is. */
export interface ModelShape {
  readonly hidden_size: number
  readonly intermediate_size: number
  readonly num_hidden_layers: number
  readonly num_attention_heads: number
  readonly num_key_value_heads: number
  readonly head_dim?: number
  readonly vocab_size: number
}

const llama74m = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  hidden_size: 896,
  intermediate_size: 4864,
  num_hidden_layers: 4,
  num_attention_heads: 14,
  num_key_value_heads: 2,
  vocab_size: 8000,
  max_position_embeddings: 4096,
  tie_word_embeddings: false,
  hidden_act: 'silu',
  rms_norm_eps: 1e-6,
}

const qwen500m = {
  ...llama74m,
  model_type: 'qwen2',
  architectures: ['Qwen2ForCausalLM'],
  num_hidden_layers: 24,
  vocab_size: 151_936,
  tie_word_embeddings: true,
  rope_theta: 1_000_000,
}

const gemma270m = {
  model_type: 'gemma3_text',
  architectures: ['Gemma3ForCausalLM'],
  hidden_size: 640,
  intermediate_size: 2048,
  num_hidden_layers: 18,
  num_attention_heads: 4,
  num_key_value_heads: 1,
  head_dim: 256,
  vocab_size: 262_144,
  max_position_embeddings: 4096,
  tie_word_embeddings: true,
  hidden_activation: 'gelu_pytorch_tanh',
  query_pre_attn_scalar: 256,
  rms_norm_eps: 1e-6,
  rope_theta: 1_000_000,
  rope_local_base_freq: 10_000,
  sliding_window: 512,
  layer_types: Array.from({ length: 18 }, (_, i) => (i % 6 === 5 ? 'full_attention' : 'sliding_attention')),
}

/** A Llama of 74 million parameters on 512 tokens, every one labelled: what the targets are stated for. */
export const llama: StepShape = { name: '74m', config: llama74m, tokens: 512, labelEvery: 1 }

/** The same on 2,048 tokens. */
export const longLlama: StepShape = { ...llama, name: '74m T2048', tokens: 2048 }

/** 24 layers and the vocabulary of Qwen2-0.5B; a third of the positions has a label, as in fine-tuning on answers. */
export const qwen: StepShape = { name: 'qwen2-0.5b', config: qwen500m, tokens: 512, labelEvery: 3 }

/** Layers and vocabulary of Gemma-3-270M; a third of the positions has a label. */
export const gemma: StepShape = { name: 'gemma3-270m', config: gemma270m, tokens: 512, labelEvery: 3 }

/** Token ids and targets of the row: the same for us and the peer. */
export const rowOf = ({ tokens, labelEvery, config: { vocab_size: words } }: StepShape) => ({
  ids: Int32Array.from({ length: tokens }, (_, i) => (i * 7919 + 13) % words),
  sources: Int32Array.from({ length: Math.ceil(tokens / labelEvery) }, (_, i) => i * labelEvery),
  targets: Int32Array.from({ length: Math.ceil(tokens / labelEvery) }, (_, i) => (i * 6151 + 29) % words),
})

/** Arguments of the peer's measurements for the same step on the weights of `folder`. */
export const peerWork = (shape: StepShape, precision: 'fp32' | 'bf16', folder: string) => {
  const { ids, sources, targets } = rowOf(shape)
  return { folder, precision, rank, ids: [...ids], sources: [...sources], targets: [...targets] }
}

/** Rank of the adapter on every linear layer. */
export const rank = 8

/**
 * Floating-point operations that the step cannot do without, a multiplication and an addition counted as two: the
 * products of frozen layers forward and towards their input, the adapters', attention over all pairs of positions, and
 * the output layer at labelled positions. Element-wise work is left out.
 */
export const operations = ({ config, tokens, labelEvery }: StepShape): number => {
  const { hidden_size: width, intermediate_size: inner, num_attention_heads: heads, num_hidden_layers: layers } = config
  const headSize = config.head_dim ?? width / heads
  const [query, keyValue] = [heads * headSize, config.num_key_value_heads * headSize]
  const linear = [
    [width, query],
    [width, keyValue],
    [width, keyValue],
    [query, width],
    [width, inner],
    [width, inner],
    [inner, width],
  ] as const
  const frozen = linear.reduce((sum, [from, to]) => sum + 4 * tokens * from * to, 0)
  const adapters = linear.reduce((sum, [from, to]) => sum + 6 * tokens * rank * (from + to), 0)
  const attention = 12 * tokens * tokens * query
  const head = 4 * Math.ceil(tokens / labelEvery) * width * config.vocab_size
  return layers * (frozen + adapters + attention) + head
}
