import { type Dim, divideDims, multiplyDims, shapeText } from '../dimension'
import { ShapeError } from '../errors'
import { requireRank, type Tensor } from '../tensor'
import { add, and, equal, greater, lessEqual, mul, or, sub, tanh, where } from './elementwise'
import { matmul } from './matmul'
import { reshape, unsqueeze } from './reshape'
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
}

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
  const [batch, heads, time, width] = q.shape as [Dim, number, Dim, number]
  const groups = k.shape[1] as number
  const share = divideDims(heads, groups)
  if (typeof share !== 'number')
    throw new ShapeError(
      `attention: query heads must be a multiple of key heads, got ${shapeText(q.shape)} and ${shapeText(k.shape)}. Check the head counts.`,
      { op: 'attention', shapes: [shapeText(q.shape), shapeText(k.shape)] },
    )
  // Query heads that share a key head stand below each other, so a group is one product instead of `share`.
  const rows = multiplyDims(share, time)
  const stacked = reshape(q, [batch, groups, rows, width])
  const source = k.shape[2]!
  const { scale = 1 / Math.sqrt(width), softcap } = options
  const scores = matmul(stacked, k, { transposeB: true, alpha: scale }) // [B, G, share·T, S]
  const capped = softcap === undefined ? scores : mul(tanh(mul(scores, 1 / softcap)), softcap)
  const masked = add(reshape(capped, [batch, heads, time, source]), mask)
  const weights = reshape(softmax(masked), [batch, groups, rows, source])
  return reshape(matmul(weights, v), [batch, heads, time, v.shape[3]!])
}
