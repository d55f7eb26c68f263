import type { ModelConfig } from '../config/types'

/** One layer that holds a matrix: what adapters attach to. */
export interface Module {
  /** Dotted path as in the checkpoint, such as `model.layers.0.self_attn.q_proj`. */
  readonly path: string
  /** `linear` stores [out, in], `conv1d` (GPT-2) [in, out], `embedding` [rows, width]. */
  readonly kind: 'linear' | 'conv1d' | 'embedding'
  readonly inFeatures: number
  readonly outFeatures: number
  readonly bias: boolean
}

/** A named parameter with its stored shape. */
export interface ParameterShape {
  readonly name: string
  readonly shape: readonly number[]
}

const module = (path: string, inFeatures: number, outFeatures: number, bias = false): Module => ({
  path,
  kind: 'linear',
  inFeatures,
  outFeatures,
  bias,
})

/** Paths of the attention and feed-forward projections of one Llama-like layer, with their sizes. */
const decoderLayer = (config: ModelConfig, layer: number): Module[] => {
  const { hiddenSize: width, heads, keyValueHeads, headSize, feedForwardSize: inner, biases } = config
  const path = `model.layers.${layer}`
  const [query, keyValue] = [heads * headSize, keyValueHeads * headSize]
  const attention =
    config.family === 'phi3'
      ? [module(`${path}.self_attn.qkv_proj`, width, query + 2 * keyValue)]
      : config.family === 'baichuan'
        ? [module(`${path}.self_attn.W_pack`, width, query + 2 * keyValue)]
        : [
            module(`${path}.self_attn.q_proj`, width, query, biases.queryKeyValue),
            module(`${path}.self_attn.k_proj`, width, keyValue, biases.queryKeyValue),
            module(`${path}.self_attn.v_proj`, width, keyValue, biases.queryKeyValue),
          ]
  const gates =
    config.family === 'phi3'
      ? [module(`${path}.mlp.gate_up_proj`, width, 2 * inner)]
      : [
          module(`${path}.mlp.gate_proj`, width, inner, biases.feedForward),
          module(`${path}.mlp.up_proj`, width, inner, biases.feedForward),
        ]
  return [
    ...attention,
    module(`${path}.self_attn.o_proj`, query, width, biases.attentionOutput),
    ...gates,
    module(`${path}.mlp.down_proj`, inner, width, biases.feedForward),
  ]
}

const gpt2Layer = ({ hiddenSize: width, feedForwardSize: inner }: ModelConfig, layer: number): Module[] => {
  const path = `transformer.h.${layer}`
  const conv = (name: string, from: number, to: number): Module => ({ ...module(name, from, to, true), kind: 'conv1d' })
  return [
    conv(`${path}.attn.c_attn`, width, 3 * width),
    conv(`${path}.attn.c_proj`, width, width),
    conv(`${path}.mlp.c_fc`, width, inner),
    conv(`${path}.mlp.c_proj`, inner, width),
  ]
}

/** Every layer of the model that holds a matrix, in the order of the forward pass. */
export const modulesOf = (config: ModelConfig): Module[] => {
  const { family, vocabularySize, hiddenSize, maxPositions } = config
  const table = (path: string, rows: number): Module => ({ ...module(path, rows, hiddenSize), kind: 'embedding' })
  const layers = Array.from({ length: config.layers }, (_, layer) =>
    family === 'gpt2' ? gpt2Layer(config, layer) : decoderLayer(config, layer),
  ).flat()
  const tables =
    family === 'gpt2'
      ? [table('transformer.wte', vocabularySize), table('transformer.wpe', maxPositions)]
      : [table('model.embed_tokens', vocabularySize)]
  const head = config.tiedEmbeddings ? [] : [module('lm_head', hiddenSize, vocabularySize)]
  return [...tables, ...layers, ...head]
}

const normNames = (config: ModelConfig, layer: number): string[] => {
  const path = `model.layers.${layer}`
  const sandwich = hasSandwichNorms(config) ? ['pre_feedforward_layernorm', 'post_feedforward_layernorm'] : []
  return ['input_layernorm', 'post_attention_layernorm', ...sandwich].map((name) => `${path}.${name}.weight`)
}

/** True for models with a norm before and after each half of a layer (Gemma 2 and 3). */
export const hasSandwichNorms = ({ family }: ModelConfig): boolean => family === 'gemma2' || family === 'gemma3'

const norms = (config: ModelConfig): ParameterShape[] => {
  const { hiddenSize: width, headSize } = config
  const vector = (name: string, size = width): ParameterShape => ({ name, shape: [size] })
  const layers = Array.from({ length: config.layers }, (_, layer) => layer)
  if (config.family === 'gpt2') {
    const both = (path: string) => [vector(`${path}.weight`), vector(`${path}.bias`)]
    return [
      ...layers.flatMap((layer) => [...both(`transformer.h.${layer}.ln_1`), ...both(`transformer.h.${layer}.ln_2`)]),
      ...both('transformer.ln_f'),
    ]
  }
  const perHead = (layer: number) =>
    ['q_norm', 'k_norm'].map((name) => vector(`model.layers.${layer}.self_attn.${name}.weight`, headSize))
  return [
    ...layers.flatMap((layer) => [
      ...normNames(config, layer).map((name) => vector(name)),
      ...(config.queryKeyNorms ? perHead(layer) : []),
    ]),
    vector('model.norm.weight'),
  ]
}

/** Name and stored shape of every parameter of a checkpoint of this architecture. */
export const parametersOf = (config: ModelConfig): ParameterShape[] => [
  ...modulesOf(config).flatMap(({ path, kind, inFeatures, outFeatures, bias }) => [
    { name: `${path}.weight`, shape: kind === 'linear' ? [outFeatures, inFeatures] : [inFeatures, outFeatures] },
    ...(bias ? [{ name: `${path}.bias`, shape: [outFeatures] }] : []),
  ]),
  ...norms(config),
]
