import { type Dim, divideDims, floorDivideDim, multiplyDims, sameDim, shapeText, subtractDims } from '../dimension'
import { ShapeError, TensorError } from '../errors'
import { constant, requireRank, type Tensor } from '../tensor'
import { customGradient } from '../transform/custom-gradient'
import { add, and, equal, greater, lessEqual, mul, neg, or, sub, tanh, where } from './elementwise'
import { matmul } from './matmul'
import { sum } from './reduce'
import { broadcastTo, reshape, transpose, unbroadcast, unsqueeze } from './reshape'
import { concat, pad, slice, split } from './slice'
import { softmax } from './softmax'

/**
 * Who may look at whom, in token positions of one batch. All tensors are [B, T], int32 or int64 where nothing else is said.
 *
 * A token sees another when that one is not later in the row and lies in the token's own segment or in its parent
 * segment. Documents packed in one row are segments of their own; `[prompt | chosen | rejected]` has two segments
 * whose parent is the prompt; padding is segment 0.
 */
export interface AttentionLayout {
  /** Position of each token in its own text; gives rotary angles and the sliding window. */
  readonly positions: Tensor
  /** Segment of each token. */
  readonly segments?: Tensor
  /** Segment besides its own that each token sees; its own where it has none. */
  readonly parents?: Tensor
  /** Bool: true for tokens that their whole segment sees, earlier tokens too, as in a prefix language model. */
  readonly prefix?: Tensor
}

/** Value added to a score that must not count; large, yet finite, so that a row without any key gives no NaN. */
const excluded = -1e9

/**
 * Additive mask [B, 1, T, T] (or [1, 1, T, T] without segments): 0 where a token may look, −1e9 elsewhere.
 *
 * @param window how many positions back a token sees, itself included; undefined for all
 */
export const attentionMask = (
  order: Tensor,
  layout: AttentionLayout,
  { window }: { readonly window?: number } = {},
): Tensor => {
  const query = (x: Tensor) => unsqueeze(unsqueeze(x, -1), 1) // [B, 1, T, 1]
  const key = (x: Tensor) => unsqueeze(unsqueeze(x, 1), 1) // [B, 1, 1, T]
  const rows = reshape(order, [1, -1])
  let allowed = lessEqual(key(rows), query(rows))
  if (layout.prefix) allowed = or(allowed, key(layout.prefix))
  if (layout.segments) {
    const own = equal(query(layout.segments), key(layout.segments))
    const family = layout.parents ? or(own, equal(query(layout.parents), key(layout.segments))) : own
    allowed = and(allowed, family)
  }
  if (window !== undefined) allowed = and(allowed, greater(key(layout.positions), sub(query(layout.positions), window)))
  return where(allowed, 0, excluded)
}

/** Scale of the scores (default 1/√D), and the cap c of c·tanh(score/c) that Gemma 2 uses. */
export interface AttentionOptions {
  readonly scale?: number
  readonly softcap?: number
  /**
   * True promises that the mask lets no token see a later key (query i has key i; `attentionMask` without `prefix` is such a mask).
   * Most of the pairs that do not count are then left out of the computation. Default false.
   */
  readonly causal?: boolean
  /**
   * Blocks of queries that causal attention is cut into, each of which sees the keys up to its end: of n blocks (n + 1) / 2n of all pairs
   * remain. Default 4, for rows of some hundred tokens; rows of some thousand take less time and memory in 16. Every block adds nodes.
   */
  readonly blocks?: number
}

// Legend: B batch, H query heads, G key/value heads, T queries, S keys, D head size, R = H/G·T rows of one group; T and S are
// those of a block where queries are cut into blocks.

/**
 * Softmax(q·kᵀ·scale + mask)·v with grouped key/value heads, kept as one product per group.
 *
 * @param q    [B, H, T, D]
 * @param k    [B, G, S, D] with H a multiple of G
 * @param v    [B, G, S, D]
 * @param mask added to the scores, broadcast against [B, H, T, S]
 * @returns    [B, H, T, D]
 */
export const attention = (q: Tensor, k: Tensor, v: Tensor, mask: Tensor, options: AttentionOptions = {}): Tensor => {
  for (const operand of [q, k, v]) requireRank('attention', operand, 4)
  if ([q.shape[1], k.shape[1], q.shape[3]].some((dim) => typeof dim !== 'number'))
    throw new ShapeError(
      `attention: head counts and widths must be numbers, got ${shapeText(q.shape)} and ${shapeText(k.shape)}. Declare those axes without names.`,
      { op: 'attention', shapes: [shapeText(q.shape), shapeText(k.shape)] },
    )
  if (typeof divideDims(q.shape[1]!, k.shape[1]!) !== 'number')
    throw new ShapeError(
      `attention: query heads must be a multiple of key heads, got ${shapeText(q.shape)} and ${shapeText(k.shape)}. Check the head counts.`,
      { op: 'attention', shapes: [shapeText(q.shape), shapeText(k.shape)] },
    )
  const { scale = 1 / Math.sqrt(q.shape[3] as number), softcap, causal = false, blocks: count = 4 } = options
  if (!Number.isInteger(count) || count < 1)
    throw new TensorError('argument', `attention: blocks must be an integer of at least 1, got ${count}. Use 4.`)
  const blocks = blocksOf({ q, keys: k, values: v, mask }, causal ? count : 1)
  const results = softcap === undefined ? plainAttention(blocks, k, v, scale) : cappedAttention(blocks, scale, softcap)
  return concat(
    results.map((mixed, i) => reshape(mixed, [...blocks[i]!.q.shape.slice(0, 3), v.shape[3]!])),
    2,
  )
}

/** Queries that are computed together, and what they look at. */
interface Block {
  /** [B, H, T, D] */
  readonly q: Tensor
  /** [B, G, S, D] */
  readonly keys: Tensor
  readonly values: Tensor
  /** Broadcast against [B, H, T, S]. */
  readonly mask: Tensor
}

/** The queries in `count` causal blocks where they can be cut so, else as one. */
const blocksOf = (whole: Block, count: number): Block[] => {
  const { q, keys: k, values: v, mask } = whole
  const time = q.shape[2]!
  const ends = count > 1 ? blockEnds(time, k.shape[2]!, count) : undefined
  if (!ends) return [whole]
  const beginOf = (i: number): Dim => ends[i - 1] ?? 0
  const queries = split(
    q,
    2,
    ends.map((end, i) => subtractDims(end, beginOf(i))),
  )
  return ends.map((end, i) => {
    const rows = isLong(mask, -2, time) ? slice(mask, 2, beginOf(i), end) : mask
    const [keys, values] = [slice(k, 2, 0, end), slice(v, 2, 0, end)]
    return { q: queries[i]!, keys, values, mask: isLong(rows, -1, time) ? slice(rows, 3, 0, end) : rows }
  })
}

const isLong = (x: Tensor, axis: number, time: Dim): boolean => sameDim(x.shape.at(axis)!, time)

/** Where the `count` blocks of `time` queries end; undefined where they cannot be cut so. */
const blockEnds = (time: Dim, source: Dim, count: number): Dim[] | undefined => {
  const size = floorDivideDim(time, count)
  if (size === undefined || size === 0 || !sameDim(time, source)) return undefined
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? time : multiplyDims(size, i + 1)))
}

/** Query heads that share a key head stand below each other: [B, H, T, D] → [B, G, R, D], so a group is one product. */
const grouped = (q: Tensor, { shape }: Tensor): Tensor => {
  const [batch, heads, time, width] = q.shape as [Dim, number, Dim, Dim]
  return reshape(q, [batch, shape[1]!, multiplyDims(heads / (shape[1] as number), time), width])
}

/** Scores of one group [B, G, R, S] with the mask that is given per head. */
const masked = (scores: Tensor, mask: Tensor, q: Tensor): Tensor => {
  const [batch, heads, time] = q.shape as [Dim, Dim, Dim]
  return reshape(add(reshape(scores, [batch, heads, time, scores.shape[3]!]), mask), scores.shape)
}

/** Attention with soft-capped scores [B, G, R, D] of each block, differentiated op by op. */
const cappedAttention = (blocks: readonly Block[], scale: number, cap: number): Tensor[] =>
  blocks.map(({ q, keys, values, mask }) => {
    const scores = matmul(grouped(q, keys), keys, { transposeB: true, alpha: scale / cap })
    return matmul(softmax(masked(mul(tanh(scores), cap), mask, q)), values)
  })

/** A block with what it computes on the way and its gradient needs. */
interface Attended extends Block {
  /** Queries [B, G, R, D]. */
  readonly rows: Tensor
  /** Softmax of the scores, [B, G, R, S]. */
  readonly weights: Tensor
}

/** Attention [B, G, R, D] of each block, with the gradient of Dao et al. 2022, eq. 4. */
const plainAttention = (blocks: readonly Block[], k: Tensor, v: Tensor, scale: number): Tensor[] => {
  const parts = blocks.map((block): Attended => {
    const rows = grouped(block.q, block.keys)
    const scores = matmul(rows, block.keys, { transposeB: true, alpha: scale })
    return { ...block, rows, weights: softmax(masked(scores, block.mask, block.q)) }
  })
  const backward = ({ outputs }: { readonly outputs: readonly Tensor[] }, ...gs: Tensor[]) => {
    const forScores = parts.map((part, i) => once(() => scoreGradient(part, outputs[i]!, gs[i]!)))
    const forRows = (i: number) => matmul(forScores[i]!(), parts[i]!.keys, { alpha: scale })
    const forMask = (i: number) => {
      const { q, keys, mask } = parts[i]!
      return unbroadcast(reshape(forScores[i]!(), [...q.shape.slice(0, 3), keys.shape[2]!]), mask.shape)
    }
    return [
      ...parts.map((_, i) => () => forRows(i)),
      () => overKeys(parts.map(({ rows }, i) => matmul(rows, forScores[i]!(), { transposeA: true, alpha: scale }))),
      () => overKeys(parts.map(({ weights }, i) => matmul(gs[i]!, weights, { transposeA: true }))),
      ...parts.map((_, i) => () => forMask(i)),
    ]
  }
  const forward = () => parts.map(({ weights, values }) => matmul(weights, values))
  const operands = [...parts.map(({ rows }) => rows), k, v, ...parts.map(({ mask }) => mask)]
  return customGradient({ forward, backward })(...operands)
}

/**
 * Gradient of a block's scores, p · (dp − Σ p·dp). The sum of a row is Σ o·do, which is S/D times shorter, and rides along
 * in the product for dp as one more column, so that the scores are passed over once instead of four times.
 */
const scoreGradient = ({ values, weights }: Attended, mixed: Tensor, g: Tensor): Tensor => {
  const row = neg(sum(mul(mixed, g), { axes: -1, keepAxes: true })) // [B, G, R, 1]
  const ones = broadcastTo(constant(1, values.dtype), [...values.shape.slice(0, 3), 1])
  return mul(weights, matmul(concat([g, row], 3), concat([values, ones], 3), { transposeB: true }))
}

/**
 * Gradients [B, G, S, D] of all keys, from each block's [B, G, D, S]. Products of few rows and many columns are the faster way
 * round: kernels copy a transposed left operand, and this way that is the smaller one.
 */
const overKeys = (parts: readonly Tensor[]): Tensor => {
  const whole = parts.reduce((total, part) => {
    const missing = subtractDims(part.shape[3]!, total.shape[3]!)
    return add(pad(total, 3, 0, missing), part)
  })
  return transpose(whole, [0, 1, 3, 2])
}

const once = <T>(make: () => T): (() => T) => {
  let known: T | undefined
  return () => (known ??= make())
}
