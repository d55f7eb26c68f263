import {
  add,
  attention,
  concat,
  type Dim,
  divideDims,
  matmul,
  mul,
  multiplyDims,
  reshape,
  softmax,
  split,
  type Tensor,
  tanh,
} from '@qilin-med/tensor'
import type { ModelConfig } from '../config/types'
import type { KeyValue, LayerContext } from './context'

// Legend: B batch, T new tokens, P earlier ones, H query heads, G key/value heads, E head size.

/** What attention gives to a layer. */
export interface Attended {
  /** [B, H, T, E] */
  readonly mixed: Tensor
  /** Keys and values to hand on: of the new tokens, after the earlier ones where they are joined. */
  readonly cache: KeyValue
}

/**
 * Attention of one layer's new tokens to each other and, where there are any, to earlier ones.
 *
 * @param query [B, H, T, E]
 * @param fresh keys and values of the new tokens, [B, G, T, E]
 * @param past  keys and values of the earlier ones, [B, G, P, E], or [1, G, P, E] where they are not joined
 */
export const attend = (
  config: ModelConfig,
  layer: number,
  context: LayerContext,
  query: Tensor,
  fresh: KeyValue,
  past: KeyValue | undefined,
): Attended => {
  if (past && !context.joined) return { mixed: besideEarlier(config, layer, context, query, fresh, past), cache: fresh }
  const cache = past ? after(past, fresh) : fresh
  const { queryScale: scale, softcaps } = config
  const mask = context.masks[config.layerTypes[layer]!]!
  const softcap = softcaps.attention
  const { blocks } = context
  const options = { scale, causal: !past, ...(blocks !== undefined && { blocks }), ...(softcap && { softcap }) }
  return { mixed: attention(query, cache.key, cache.value, mask, options), cache }
}

const after = (past: KeyValue, fresh: KeyValue): KeyValue => ({
  key: concat([past.key, fresh.key], 2),
  value: concat([past.value, fresh.value], 2),
})

/**
 * Attention to earlier and new tokens whose keys are never joined: those of earlier tokens are read where they lie, and one row of
 * them may serve all rows of the batch. Only the scores are brought together, for one softmax.
 */
const besideEarlier = (
  config: ModelConfig,
  layer: number,
  context: LayerContext,
  query: Tensor,
  fresh: KeyValue,
  past: KeyValue,
): Tensor => {
  const type = config.layerTypes[layer]!
  const { queryScale: scale, softcaps } = config
  const softcap = softcaps.attention
  const [batch, heads, time] = query.shape as [Dim, number, Dim, number]
  const groups = config.keyValueHeads
  const rows = multiplyDims(divideDims(heads, groups)!, time)
  const stacked = reshape(query, [batch, groups, rows, config.headSize])
  const scoresOf = ({ key }: KeyValue, seen: Tensor): Tensor => {
    const scores = matmul(stacked, key, { transposeB: true, alpha: scale }) // [B, G, H/G·T, S]
    const capped = softcap === undefined ? scores : mul(tanh(mul(scores, 1 / softcap)), softcap)
    return add(reshape(capped, [batch, heads, time, key.shape[2]!]), seen)
  }
  const scores = concat([scoresOf(past, context.pastMasks[type]!), scoresOf(fresh, context.masks[type]!)], 3)
  const lengths = [past.key.shape[2]!, fresh.key.shape[2]!]
  const [earlier, own] = split(softmax(scores), 3, lengths).map((part, i) =>
    reshape(part, [batch, groups, rows, lengths[i]!]),
  )
  const mixed = add(matmul(earlier!, past.value), matmul(own!, fresh.value))
  return reshape(mixed, [batch, heads, time, config.headSize])
}
