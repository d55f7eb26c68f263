import {
  add,
  addDims,
  and,
  arange,
  attentionMask,
  cast,
  constant,
  cumulativeSum,
  greater,
  lessEqual,
  maximum,
  mul,
  slice,
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

/** New tokens that also see earlier ones, whose keys and values were computed before. P earlier columns. */
export interface CachedBatch extends TokenBatch {
  /** Positions of the earlier keys, [B, P], or [1, P] where all rows continue the same text. */
  readonly pastPositions: Tensor
  /** 1 where an earlier key counts, 0 where it is padding or not written yet; shaped like `pastPositions`. */
  readonly pastValid: Tensor
  /** Keys and values of the earlier tokens, a pair a layer, [B, G, P, headSize] or [1, G, P, headSize] each. */
  readonly past: readonly KeyValue[]
}

/** Keys and values of one layer, [B, G, T, headSize] each. */
export interface KeyValue {
  readonly key: Tensor
  readonly value: Tensor
}

/** [B, S] as keys see it: [B, 1, 1, S]. */
const asKeys = (x: Tensor): Tensor => unsqueeze(unsqueeze(x, 1), 1)

/** [B, T] as queries see it: [B, 1, T, 1]. */
const asQueries = (x: Tensor): Tensor => unsqueeze(unsqueeze(x, -1), 1)

type ByType<T> = Readonly<Partial<Record<LayerType, T>>>

/** What all layers of one pass share: masks and rotary angles by layer type. */
export interface LayerContext {
  /** What the new tokens see of each other. */
  readonly masks: ByType<Tensor>
  /** What they see of earlier tokens; empty without any, or where both are joined. */
  readonly pastMasks: ByType<Tensor>
  /** True where keys and values of earlier tokens are put before the new ones, under one mask for both. */
  readonly joined?: boolean
  readonly angles: ByType<Angles>
  /** Blocks of queries that attention over whole rows is cut into; undefined for the usual number. */
  readonly blocks?: number | undefined
}

const layerTypesOf = (config: ModelConfig): LayerType[] => [...new Set(config.layerTypes)]

const anglesOf = (config: ModelConfig, positions: Tensor): LayerContext['angles'] => {
  const { rope } = config
  if (!rope) return {}
  const global = rotaryAngles(rope.global, rope.size, positions)
  return { full: global, sliding: rope.local ? rotaryAngles(rope.local, rope.size, positions) : global }
}

const byType = (config: ModelConfig, mask: (window: number | undefined) => Tensor): ByType<Tensor> =>
  Object.fromEntries(
    layerTypesOf(config).map((type) => [type, mask(type === 'sliding' ? config.slidingWindow : undefined)]),
  )

/** Context of a pass over whole rows. */
export const rowContext = (config: ModelConfig, batch: TokenBatch, blocks?: number): LayerContext => {
  const order = arange(batch.ids.shape[1]!)
  const layout = { ...batch, positions: cast(batch.positions, 'int64') }
  const masks = byType(config, (window) =>
    withAlibi(config, attentionMask(order, layout, window === undefined ? {} : { window }), layout.positions),
  )
  return { masks, pastMasks: {}, angles: anglesOf(config, batch.positions), blocks }
}

/** Context of a pass over new tokens that also see cached ones, all of which come before them. */
export const cachedContext = (config: ModelConfig, batch: CachedBatch): LayerContext => {
  const [keys, queries] = [asKeys(batch.pastPositions), asQueries(batch.positions)]
  const valid = greater(asKeys(batch.pastValid), 0)
  const pastMasks = byType(config, (window) => {
    const seen = window === undefined ? valid : and(valid, greater(keys, sub(queries, window)))
    return withAlibi(config, where(seen, 0, -1e9), batch.pastPositions)
  })
  return { ...rowContext(config, batch), pastMasks }
}

/** New tokens of rows that earlier ones begin, as decoders are asked for them outside: P earlier columns, S = P + T. */
export interface DecoderBatch {
  /** The new tokens, [B, T]. */
  readonly ids: Tensor
  /** 1 for a token, 0 for padding, of all columns: [B, S], an integer type. */
  readonly mask: Tensor
  /** Keys and values of the earlier columns, a pair a layer, [B, G, P, headSize] each; P may be 0. */
  readonly past: readonly KeyValue[]
}

/** Positions of the new tokens, [B, T] (tokens of their row before them, without padding), and the context of their pass. */
export const decoderContext = (
  config: ModelConfig,
  { ids, mask, past }: DecoderBatch,
): { readonly positions: Tensor; readonly context: LayerContext } => {
  const all = maximum(sub(cumulativeSum(cast(mask, 'int64'), 1), 1), 0) // [B, S]
  const earlier = past[0]!.key.shape[2]!
  const positions = slice(all, 1, earlier)
  const columns = unsqueeze(arange(addDims(earlier, ids.shape[1]!)), 0) // [1, S]
  const [keys, queries] = [asKeys(columns), asQueries(slice(columns, 1, earlier))]
  const seen = and(lessEqual(keys, queries), greater(asKeys(mask), 0))
  const masks = byType(config, (window) => {
    const near = window === undefined ? seen : and(seen, greater(keys, sub(queries, window)))
    return withAlibi(config, where(near, 0, -1e9), all)
  })
  return { positions, context: { masks, pastMasks: {}, angles: anglesOf(config, positions), joined: true } }
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
  return add(mask, mul(perHead, cast(asKeys(keyPositions), 'float32')))
}
