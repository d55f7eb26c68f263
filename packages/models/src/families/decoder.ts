import {
  add,
  concat,
  type Dim,
  gatedSilu,
  gelu,
  geluTanh,
  mul,
  relu,
  reshape,
  rmsNorm,
  rotary,
  silu,
  slice,
  split,
  type Tensor,
  transpose,
} from '@qilin-med/tensor'
import type { Activation, ModelConfig } from '../config/types'
import { linears, type Network } from '../network'
import { attend } from './attend'
import type { KeyValue, LayerContext } from './context'
import { hasSandwichNorms } from './modules'

// Legend: B batch, T new tokens, D width, H query heads, G key/value heads, E head size.

/** Hidden states after a layer, and the keys and values that it hands on; see `attend`. */
export interface LayerResult {
  readonly x: Tensor
  readonly cache: KeyValue
}

const activations: Readonly<Record<Activation, (x: Tensor) => Tensor>> = { silu, gelu, 'gelu-tanh': geluTanh, relu }

/** The element-wise function a config names. */
export const activation = (config: ModelConfig): ((x: Tensor) => Tensor) => activations[config.activation]

/** RMS norm with the model's epsilon; Gemma stores the weight's difference from one. */
export const norm = (config: ModelConfig, net: Network, name: string, x: Tensor): Tensor => {
  const weight = net.parameter(`${name}.weight`)
  return rmsNorm(x, config.norm.offset ? add(weight, config.norm.offset) : weight, { epsilon: config.norm.epsilon })
}

/** [B, T, heads·E] → [B, heads, T, E]. */
const toHeads = (x: Tensor, heads: number, size: number): Tensor =>
  transpose(reshape(x, [...x.shape.slice(0, 2), heads, size]), [0, 2, 1, 3])

/** Query, key and value [B, T, ·] from separate projections or from one packed matrix. */
const projections = (config: ModelConfig, net: Network, path: string, x: Tensor): Tensor[] => {
  const { family, heads, keyValueHeads, headSize } = config
  const packed = family === 'phi3' ? 'qkv_proj' : family === 'baichuan' ? 'W_pack' : undefined
  if (!packed) return linears(net, [`${path}.q_proj`, `${path}.k_proj`, `${path}.v_proj`], x)
  const sizes = [heads, keyValueHeads, keyValueHeads].map((count) => count * headSize)
  return split(net.linear(`${path}.${packed}`, x), 2, sizes)
}

const rotated = (x: Tensor, config: ModelConfig, context: LayerContext, layer: number): Tensor => {
  const angles = context.angles[config.layerTypes[layer]!]
  if (!angles) return x
  const { size } = config.rope!
  if (size === config.headSize) return rotary(x, angles.cosine, angles.sine)
  return concat([rotary(slice(x, 3, 0, size), angles.cosine, angles.sine), slice(x, 3, size)], 3)
}

/** Self-attention of one layer, before its residual. */
const selfAttention = (
  config: ModelConfig,
  net: Network,
  layer: number,
  x: Tensor,
  context: LayerContext,
  past: KeyValue | undefined,
): LayerResult => {
  const path = `model.layers.${layer}.self_attn`
  const counts = [config.heads, config.keyValueHeads, config.keyValueHeads]
  const [q, k, v] = projections(config, net, path, x).map((t, i) => toHeads(t, counts[i]!, config.headSize))
  const normed = (t: Tensor, name: string) => (config.queryKeyNorms ? norm(config, net, `${path}.${name}`, t) : t)
  const query = rotated(normed(q!, 'q_norm'), config, context, layer)
  const fresh: KeyValue = { key: rotated(normed(k!, 'k_norm'), config, context, layer), value: v! }
  const { mixed, cache } = attend(config, layer, context, query, fresh, past)
  const rows = reshape(transpose(mixed, [0, 2, 1, 3]), [
    ...(x.shape.slice(0, 2) as Dim[]),
    config.heads * config.headSize,
  ])
  return { x: net.linear(`${path}.o_proj`, rows), cache }
}

/** Gated feed-forward of one layer, before its residual. */
const feedForward = (config: ModelConfig, net: Network, layer: number, x: Tensor): Tensor => {
  const path = `model.layers.${layer}.mlp`
  const inner = config.feedForwardSize
  const [gate, up] =
    config.family === 'phi3'
      ? split(net.linear(`${path}.gate_up_proj`, x), 2, [inner, inner])
      : linears(net, [`${path}.gate_proj`, `${path}.up_proj`], x)
  const gated = config.activation === 'silu' ? gatedSilu(gate!, up!) : mul(activation(config)(gate!), up!)
  return net.linear(`${path}.down_proj`, gated)
}

/** One layer of a Llama-like decoder: Llama, Mistral, Qwen, Gemma, Phi-3, Baichuan. x [B, T, D]. */
export const decoderLayer = (
  config: ModelConfig,
  net: Network,
  layer: number,
  x: Tensor,
  context: LayerContext,
  past?: KeyValue,
): LayerResult => {
  const path = `model.layers.${layer}`
  const sandwich = hasSandwichNorms(config)
  const attended = selfAttention(config, net, layer, norm(config, net, `${path}.input_layernorm`, x), context, past)
  const mixed = sandwich ? norm(config, net, `${path}.post_attention_layernorm`, attended.x) : attended.x
  const middle = add(x, mixed)
  const before = sandwich ? 'pre_feedforward_layernorm' : 'post_attention_layernorm'
  const fed = feedForward(config, net, layer, norm(config, net, `${path}.${before}`, middle))
  const result = sandwich ? norm(config, net, `${path}.post_feedforward_layernorm`, fed) : fed
  return { x: add(middle, result), cache: attended.cache }
}
