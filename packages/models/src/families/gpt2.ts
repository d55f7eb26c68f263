import { add, layerNorm, reshape, split, type Tensor, transpose } from '@qilin-med/tensor'
import type { ModelConfig } from '../config/types'
import type { Network } from '../network'
import { attend } from './attend'
import type { KeyValue, LayerContext } from './context'
import { activation, type LayerResult } from './decoder'

/** Layer norm with weight and bias under `name`. */
export const gpt2Norm = (config: ModelConfig, net: Network, name: string, x: Tensor): Tensor =>
  layerNorm(x, net.parameter(`${name}.weight`), net.parameter(`${name}.bias`), { epsilon: config.norm.epsilon })

/** One layer of GPT-2 (Radford et al. 2019). x [B, T, D]. */
export const gpt2Layer = (
  config: ModelConfig,
  net: Network,
  layer: number,
  x: Tensor,
  context: LayerContext,
  past?: KeyValue,
): LayerResult => {
  const path = `transformer.h.${layer}`
  const { hiddenSize: width, heads, headSize } = config
  const packed = net.linear(`${path}.attn.c_attn`, gpt2Norm(config, net, `${path}.ln_1`, x))
  const [q, k, v] = split(packed, 2, [width, width, width]).map((t) =>
    transpose(reshape(t, [...t.shape.slice(0, 2), heads, headSize]), [0, 2, 1, 3]),
  )
  const fresh: KeyValue = { key: k!, value: v! }
  const { mixed, cache } = attend(config, layer, context, q!, fresh, past)
  const rows = reshape(transpose(mixed, [0, 2, 1, 3]), x.shape)
  const middle = add(x, net.linear(`${path}.attn.c_proj`, rows))
  const inner = activation(config)(net.linear(`${path}.mlp.c_fc`, gpt2Norm(config, net, `${path}.ln_2`, middle)))
  return { x: add(middle, net.linear(`${path}.mlp.c_proj`, inner)), cache }
}
