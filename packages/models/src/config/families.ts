import { type Fields, unsupported } from './fields'
import { parseRope } from './rope'
import type { Activation, LayerType, ModelConfig } from './types'

/** What a family decides; what all of them share is added by `parseConfig`. */
export type FamilyFields = Omit<
  ModelConfig,
  'modelType' | 'bosId' | 'eosIds' | 'padId' | 'dtype' | 'initializerRange' | 'raw'
>

/** Parser of each `model_type`. Values that a config leaves out are those of the Transformers class. */
export const families: Readonly<Record<string, (fields: Fields) => FamilyFields>> = {
  llama: (fields) => ({
    ...decoder(fields, 'llama', { positions: 2048 }),
    biases: { ...attentionBiases(fields), feedForward: fields.boolean('mlp_bias', false) },
  }),
  mistral: (fields) =>
    slidingEverywhere(fields, decoder(fields, 'mistral', { keyValueHeads: 8, positions: 131072 }), 4096),
  qwen2: (fields) =>
    slidingFrom(fields, {
      ...decoder(fields, 'qwen2', { positions: 32768 }),
      biases: { queryKeyValue: true, attentionOutput: false, feedForward: false },
    }),
  qwen3: (fields) =>
    slidingFrom(fields, {
      ...decoder(fields, 'qwen3', { headSize: 128, positions: 32768 }),
      biases: { ...attentionBiases(fields), feedForward: false },
      queryKeyNorms: true,
    }),
  phi3: (fields) => slidingEverywhere(fields, decoder(fields, 'phi3', { epsilon: 1e-5, positions: 4096 }), undefined),
  gemma2: (fields) =>
    gemma(fields, { family: 'gemma2', everyFull: 2, positions: 8192, softcaps: [50, 30], vocabulary: 256000 }),
  gemma3_text: (fields) => gemma3(fields),
  gemma3: (fields) => gemma3(fields.object('text_config') ?? fields.refuse('text_config', 'an object')),
  gpt2,
  baichuan,
}

interface Defaults {
  readonly keyValueHeads?: number
  readonly headSize?: number
  readonly epsilon?: number
  readonly positions: number
}

/** The common decoder: RMSNorm, gated feed-forward, rotary positions, no biases, every layer full. */
const decoder = (
  fields: Fields,
  family: ModelConfig['family'],
  { keyValueHeads, headSize, epsilon = 1e-6, positions }: Defaults,
): FamilyFields => {
  const hiddenSize = fields.size('hidden_size')
  const heads = fields.size('num_attention_heads')
  const size = fields.size('head_dim', headSize ?? shared(fields, 'num_attention_heads', hiddenSize, heads))
  const layers = layersOf(fields, 'num_hidden_layers')
  return {
    family,
    vocabularySize: fields.size('vocab_size'),
    hiddenSize,
    layers,
    heads,
    keyValueHeads: keyValueHeadsOf(fields, heads, keyValueHeads ?? heads),
    headSize: size,
    feedForwardSize: fields.size('intermediate_size'),
    norm: { kind: 'rms', epsilon: fields.number('rms_norm_eps', epsilon), offset: 0 },
    activation: activationOf(fields, 'hidden_act', 'silu'),
    biases: { queryKeyValue: false, attentionOutput: false, feedForward: false },
    queryKeyNorms: false,
    tiedEmbeddings: fields.boolean('tie_word_embeddings', false),
    normalizedHead: false,
    positions: 'rope',
    maxPositions: fields.size('max_position_embeddings', positions),
    rope: parseRope(fields, size, { theta: 10_000 }),
    layerTypes: new Array<LayerType>(layers).fill('full'),
    slidingWindow: undefined,
    queryScale: size ** -0.5,
    embeddingScale: 1,
    softcaps: { attention: undefined, logits: undefined },
  }
}

const attentionBiases = (fields: Fields): { queryKeyValue: boolean; attentionOutput: boolean } => {
  const bias = fields.boolean('attention_bias', false)
  return { queryKeyValue: bias, attentionOutput: bias }
}

/** Mistral, Phi 3: every layer slides where a window is set. */
const slidingEverywhere = (fields: Fields, config: FamilyFields, fallback: number | undefined): FamilyFields => {
  const window = 'sliding_window' in fields.raw ? fields.optionalNumber('sliding_window') : fallback
  if (window === undefined) return config
  return {
    ...config,
    slidingWindow: fields.size('sliding_window', fallback),
    layerTypes: config.layerTypes.map(() => 'sliding'),
  }
}

/** Qwen: layers from `max_window_layers` on slide, and only where the window is switched on. */
const slidingFrom = (fields: Fields, config: FamilyFields): FamilyFields => {
  if (!fields.boolean('use_sliding_window', false) || fields.raw.sliding_window === null) return config
  const first = fields.number('max_window_layers', 28)
  const layerTypes = layerTypesOf(fields, config.layers, (layer) => (layer >= first ? 'sliding' : 'full'))
  return layerTypes.includes('sliding')
    ? { ...config, layerTypes, slidingWindow: fields.size('sliding_window', 4096) }
    : config
}

interface GemmaDefaults {
  readonly family: 'gemma2' | 'gemma3'
  /** Every how-manieth layer is full. */
  readonly everyFull: number
  readonly positions: number
  readonly softcaps: readonly [attention: number | undefined, logits: number | undefined]
  readonly vocabulary: number
}

const gemma = (fields: Fields, { family, everyFull, positions, softcaps, vocabulary }: GemmaDefaults): FamilyFields => {
  if (fields.raw.use_bidirectional_attention === true)
    unsupported(
      fields,
      'use_bidirectional_attention',
      'causal attention, got a bidirectional model',
      'Use a language model.',
    )
  const hiddenSize = fields.size('hidden_size', 2304)
  const heads = fields.size('num_attention_heads', 8)
  const headSize = fields.size('head_dim', 256)
  const layers = layersOf(fields, 'num_hidden_layers', 26)
  const layerTypes = layerTypesOf(fields, layers, (layer) => ((layer + 1) % everyFull === 0 ? 'full' : 'sliding'))
  const softcap = (key: string, fallback: number | undefined): number | undefined =>
    key in fields.raw ? fields.optionalNumber(key) : fallback
  return {
    family,
    vocabularySize: fields.size('vocab_size', vocabulary),
    hiddenSize,
    layers,
    heads,
    keyValueHeads: keyValueHeadsOf(fields, heads, 4),
    headSize,
    feedForwardSize: fields.size('intermediate_size', 9216),
    norm: { kind: 'rms', epsilon: fields.number('rms_norm_eps', 1e-6), offset: 1 },
    activation: activationOf(fields, 'hidden_activation', 'gelu_pytorch_tanh'),
    biases: { ...attentionBiases(fields), feedForward: false },
    queryKeyNorms: family === 'gemma3',
    tiedEmbeddings: fields.boolean('tie_word_embeddings', true),
    normalizedHead: false,
    positions: 'rope',
    maxPositions: fields.size('max_position_embeddings', positions),
    rope: parseRope(
      fields,
      headSize,
      family === 'gemma3' ? { theta: 1_000_000, localTheta: 10_000 } : { theta: 10_000 },
    ),
    layerTypes,
    slidingWindow: layerTypes.includes('sliding') ? fields.size('sliding_window', 4096) : undefined,
    queryScale: fields.number('query_pre_attn_scalar', 256) ** -0.5,
    embeddingScale: Math.sqrt(hiddenSize),
    softcaps: {
      attention: softcap('attn_logit_softcapping', softcaps[0]),
      logits: softcap('final_logit_softcapping', softcaps[1]),
    },
  }
}

const gemma3 = (fields: Fields): FamilyFields =>
  gemma(fields, {
    family: 'gemma3',
    everyFull: fields.size('sliding_window_pattern', fields.size('_sliding_window_pattern', 6)),
    positions: 131072,
    softcaps: [undefined, undefined],
    vocabulary: 262208,
  })

function gpt2(fields: Fields): FamilyFields {
  for (const key of ['scale_attn_by_inverse_layer_idx', 'add_cross_attention'])
    if (fields.boolean(key, false)) unsupported(fields, key, `${key} false, got true`, 'Use a model without it.')
  const hiddenSize = fields.size('n_embd', 768)
  const heads = fields.size('n_head', 12)
  const headSize = shared(fields, 'n_head', hiddenSize, heads)
  const layers = layersOf(fields, 'n_layer', 12)
  return {
    family: 'gpt2',
    vocabularySize: fields.size('vocab_size', 50257),
    hiddenSize,
    layers,
    heads,
    keyValueHeads: heads,
    headSize,
    feedForwardSize: fields.size('n_inner', 4 * hiddenSize),
    norm: { kind: 'layer', epsilon: fields.number('layer_norm_epsilon', 1e-5), offset: 0 },
    activation: activationOf(fields, 'activation_function', 'gelu_new'),
    biases: { queryKeyValue: true, attentionOutput: true, feedForward: true },
    queryKeyNorms: false,
    tiedEmbeddings: fields.boolean('tie_word_embeddings', true),
    normalizedHead: false,
    positions: 'learned',
    maxPositions: fields.size('n_positions', 1024),
    rope: undefined,
    layerTypes: new Array<LayerType>(layers).fill('full'),
    slidingWindow: undefined,
    queryScale: fields.boolean('scale_attn_weights', true) ? headSize ** -0.5 : 1,
    embeddingScale: 1,
    softcaps: { attention: undefined, logits: undefined },
  }
}

/**
 * All four Baichuan models call themselves `baichuan`. The 13B ones bias by distance and state no
 * `max_position_embeddings`; version 2, told by its vocabulary or by naming its tokenizer, normalises the output head.
 */
function baichuan(fields: Fields): FamilyFields {
  const rotary = typeof fields.raw.max_position_embeddings === 'number'
  const second =
    fields.raw.vocab_size !== 64_000 && (fields.raw.vocab_size === 125_696 || 'tokenizer_class' in fields.raw)
  const config = decoder(fields, 'baichuan', { positions: fields.size('model_max_length', 4096) })
  return {
    ...config,
    normalizedHead: second,
    ...(rotary ? {} : { positions: 'alibi', rope: undefined }),
  }
}

/** A damaged number must not make us build millions of layers. */
const layersOf = (fields: Fields, key: string, fallback?: number): number => {
  const layers = fields.size(key, fallback)
  return layers <= 10_000 ? layers : fields.refuse(key, 'at most 10000')
}

/** `layer_types` of the file, or what the family does where there are none. */
const layerTypesOf = (fields: Fields, layers: number, fallback: (layer: number) => LayerType): LayerType[] => {
  const value = fields.raw.layer_types
  if (value === undefined || value === null) return Array.from({ length: layers }, (_, layer) => fallback(layer))
  const types = Array.isArray(value) ? value.map((name) => layerTypeNames[String(name)]) : []
  if (types.length === layers && types.every((type) => type !== undefined)) return types
  return fields.refuse('layer_types', `a list of ${layers} names, each full_attention or sliding_attention`)
}

const layerTypeNames: Readonly<Record<string, LayerType>> = { full_attention: 'full', sliding_attention: 'sliding' }

const keyValueHeadsOf = (fields: Fields, heads: number, fallback: number): number => {
  const keyValueHeads = fields.size('num_key_value_heads', fallback)
  return heads % keyValueHeads === 0
    ? keyValueHeads
    : fields.refuse('num_key_value_heads', `a divisor of the ${heads} heads`)
}

const shared = (fields: Fields, key: string, size: number, heads: number): number =>
  size % heads === 0 ? size / heads : fields.refuse(key, `a divisor of the hidden size ${size}`)

const activations: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_new: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
  relu: 'relu',
}

const activationOf = (fields: Fields, key: string, fallback: string): Activation => {
  const name = fields.text(key, fallback)
  return (
    activations[name] ??
    fields.refuse(key, `one of ${Object.keys(activations).join(', ')}`, 'Use a model with one of them.')
  )
}
