import {
  add,
  and,
  arange,
  attentionMask,
  cast,
  constant,
  greater,
  lessEqual,
  mul,
  sub,
  type Tensor,
  unsqueeze,
  where,
} from '@qilin-med/tensor'
import type { LayerType, ModelConfig } from '../config/types'
import { type Angles, rotaryAngles } from './rope'

/** One batch of token rows. Every tensor is [B, T], int32. */
export interface TokenBatch {
  readonly ids: Tensor
  /** Position of each token in its own text. */
  readonly positions: Tensor
  /** Segment of each token: it sees its own segment only. Padding is segment 0. All one segment when left out. */
  readonly segments?: Tensor
  /** A segment that each token sees besides its own, such as the prompt that two completions share. */
  readonly parents?: Tensor
}

/** Keys and values of earlier tokens, for generation. */
export interface CachedBatch {
  readonly ids: Tensor
  /** Positions of the new tokens [B, T]. */
  readonly positions: Tensor
  /** Positions of all keys [B, S], earlier ones first, the new ones last. */
  readonly keyPositions: Tensor
  /** 1 where a key counts, 0 where it is padding [B, S]. */
  readonly keyValid: Tensor
  /** Keys and values of earlier tokens, a pair a layer, [B, G, P, headSize] each. */
  readonly past: readonly KeyValue[]
}

/** Keys and values of one layer, [B, G, S, headSize] each. */
export interface KeyValue {
  readonly key: Tensor
  readonly value: Tensor
}

/** What all layers of one pass share: masks and rotary angles by layer type. */
export interface LayerContext {
  readonly masks: Readonly<Partial<Record<LayerType, Tensor>>>
  readonly angles: Readonly<Partial<Record<LayerType, Angles>>>
}

const layerTypesOf = (config: ModelConfig): LayerType[] => [...new Set(config.layerTypes)]

const anglesOf = (config: ModelConfig, positions: Tensor): LayerContext['angles'] => {
  const { rope } = config
  if (!rope) return {}
  const global = rotaryAngles(rope.global, rope.size, positions)
  return { full: global, sliding: rope.local ? rotaryAngles(rope.local, rope.size, positions) : global }
}

/** Context of a pass over whole rows. */
export const rowContext = (config: ModelConfig, batch: TokenBatch): LayerContext => {
  const order = arange(batch.ids.shape[1]!)
  const layout = { ...batch, positions: cast(batch.positions, 'int64') }
  const masks = layerTypesOf(config).map((type) => {
    const window = type === 'sliding' ? config.slidingWindow : undefined
    return [
      type,
      withAlibi(config, attentionMask(order, layout, window === undefined ? {} : { window }), layout.positions),
    ]
  })
  return { masks: Object.fromEntries(masks), angles: anglesOf(config, batch.positions) }
}

/** Context of a pass over new tokens that also see cached ones. */
export const cachedContext = (config: ModelConfig, batch: CachedBatch): LayerContext => {
  const keys = unsqueeze(unsqueeze(batch.keyPositions, 1), 1) // [B, 1, 1, S]
  const queries = unsqueeze(unsqueeze(batch.positions, -1), 1) // [B, 1, T, 1]
  const valid = greater(unsqueeze(unsqueeze(batch.keyValid, 1), 1), 0)
  const seen = and(valid, lessEqual(keys, queries))
  const masks = layerTypesOf(config).map((type) => {
    const near =
      type === 'sliding' && config.slidingWindow ? and(seen, greater(keys, sub(queries, config.slidingWindow))) : seen
    return [type, withAlibi(config, where(near, 0, -1e9), batch.keyPositions)]
  })
  return { masks: Object.fromEntries(masks), angles: anglesOf(config, batch.positions) }
}

/** Slopes of ALiBi for any number of heads (Press et al. 2022, and its published code for heads that are no power of two). */
export const alibiSlopes = (heads: number): number[] => {
  const base = 2 ** Math.floor(Math.log2(heads))
  const first = Array.from({ length: base }, (_, i) => 2 ** ((-8 * (i + 1)) / base))
  const extra = Array.from({ length: heads - base }, (_, i) => 2 ** ((-4 * (2 * i + 1)) / base))
  return [...first, ...extra]
}

/** The mask with a bias that falls with distance, for models that have no other notion of position. */
const withAlibi = (config: ModelConfig, mask: Tensor, keyPositions: Tensor): Tensor => {
  if (config.positions !== 'alibi') return mask
  const slopes = Float32Array.from(alibiSlopes(config.heads))
  const perHead = constant({ dtype: 'float32', shape: [1, config.heads, 1, 1], data: slopes })
  // A row of scores may shift by a constant, so the key's position stands for its distance.
  return add(mask, mul(perHead, cast(unsqueeze(unsqueeze(keyPositions, 1), 1), 'float32')))
}
