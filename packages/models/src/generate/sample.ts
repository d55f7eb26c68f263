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
  const weightOf = (logit: number): number => Math.exp((logit - top) / temperature)
  const most = topK > 0 ? topK : logits.length
  const whole = topK > 0 ? undefined : logits.reduce((sum, logit) => sum + weightOf(logit), 0)
  const { ids, weights, total } = likeliest(logits, top, temperature, (count, sum) =>
    whole === undefined ? count >= most : sum >= topP * whole,
  )
  const kept = weights.slice(0, most)
  const mass = whole ?? sumOf(kept)
  const [a, b] = threefry(key, counter, 0)
  const draw = ((a >>> 5) * 2 ** 26 + (b >>> 6)) * 2 ** -53
  const cut = nucleus(kept, topP * Math.min(mass, total))
  return pick(ids, kept, cut, draw * sumOf(kept.slice(0, cut)))
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)

/**
 * The likeliest tokens in falling order, at least as many as `enough` asks for. A vocabulary of 262,144 is not sorted for
 * the few tokens that can be drawn: only those near the top are, and more of them where that was too few.
 */
const likeliest = (
  logits: Float32Array,
  top: number,
  temperature: number,
  enough: (count: number, sum: number) => boolean,
): { readonly ids: readonly number[]; readonly weights: readonly number[]; readonly total: number } => {
  for (let reach = 8; ; reach *= 2) {
    const floor = reach > 64 ? Number.NEGATIVE_INFINITY : top - reach * temperature
    const ids: number[] = []
    for (let id = 0; id < logits.length; id++) if (logits[id]! >= floor) ids.push(id)
    ids.sort((a, b) => logits[b]! - logits[a]! || a - b)
    const weights = ids.map((id) => Math.exp((logits[id]! - top) / temperature))
    const total = sumOf(weights)
    if (enough(ids.length, total) || floor === Number.NEGATIVE_INFINITY) return { ids, weights, total }
  }
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
