import { type RandomKey, threefry } from '@qilin-med/tensor'

/** How the next token is chosen. Without `temperature` (or with 0) it is the likeliest one. */
export interface SamplingOptions {
  /** Divides the logits; 0 for greedy choice. */
  readonly temperature?: number
  /** Only the likeliest tokens whose probabilities sum to this; in (0, 1]. */
  readonly topP?: number
  /** Only this many of the likeliest tokens; 0 for all. */
  readonly topK?: number
  /** Above 1 makes tokens that occurred less likely (Keskar et al. 2019). */
  readonly repetitionPenalty?: number
}

/** Lowers the logits of tokens in `seen`, in place. */
export const penalize = (logits: Float32Array, seen: ReadonlySet<number>, penalty: number): void => {
  for (const id of seen) logits[id] = logits[id]! > 0 ? logits[id]! / penalty : logits[id]! * penalty
}

/** Index of the largest logit; the first of several equals. */
export const greedy = (logits: Float32Array): number => {
  let best = 0
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i
  return best
}

/**
 * A token drawn from the logits. The draw depends on the key and the counter alone.
 *
 * @param logits [V]
 */
export const sample = (
  logits: Float32Array,
  { temperature = 1, topP = 1, topK = 0 }: SamplingOptions,
  key: RandomKey,
  counter: number,
): number => {
  const top = logits[greedy(logits)]!
  const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b)
  const kept = topK > 0 ? order.slice(0, topK) : order
  const weights = kept.map((id) => Math.exp((logits[id]! - top) / temperature))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const [a, b] = threefry(key, counter, 0)
  const draw = ((a >>> 5) * 2 ** 26 + (b >>> 6)) * 2 ** -53
  const cut = nucleus(weights, topP * total)
  return pick(kept, weights, cut, draw * weights.slice(0, cut).reduce((sum, weight) => sum + weight, 0))
}

/** Number of leading weights that together reach `mass`; at least one. */
const nucleus = (weights: readonly number[], mass: number): number => {
  let sum = 0
  for (let i = 0; i < weights.length; i++) {
    sum += weights[i]!
    if (sum >= mass) return i + 1
  }
  return weights.length
}

const pick = (ids: readonly number[], weights: readonly number[], count: number, point: number): number => {
  let sum = 0
  for (let i = 0; i < count; i++) {
    sum += weights[i]!
    if (point < sum) return ids[i]!
  }
  return ids[count - 1]!
}
