import {
  add,
  cast,
  exp,
  logSoftmax,
  mul,
  neg,
  softplus,
  stopGradient,
  sub,
  sum,
  type Tensor,
  unsqueeze,
} from '@qilin-med/tensor'
import { requireOption } from '../errors'

/** Which divergence between teacher and student. */
export interface DivergenceOptions {
  /**
   * 0: KL(teacher‖student). 1: KL(student‖teacher). Between: Jensen–Shannon with the mixture β·teacher + (1−β)·student.
   * Default 0.5.
   */
  readonly beta?: number
  /** Divides both models' logits; default 1. */
  readonly temperature?: number
}

/** @throws LossError for a divergence that does not exist */
export const checkDivergence = (loss: string, { beta = 0.5, temperature = 1 }: DivergenceOptions): void => {
  const range = { loss, operand: 'beta', got: beta, expected: 'beta in [0, 1]', advice: '0.5 is the symmetric one.' }
  requireOption(beta >= 0 && beta <= 1, range)
  const expected = 'a temperature above 0'
  requireOption(temperature > 0, {
    loss,
    operand: 'temperature',
    got: temperature,
    expected,
    advice: 'Use 1 for none.',
  })
}

/**
 * The same divergence at each row of explicit logits.
 *
 * @param student logits [..., V]
 * @param teacher logits [..., V]; no gradient flows into them
 * @returns       [...], in nats
 */
export const divergenceOfLogits = (student: Tensor, teacher: Tensor, options: DivergenceOptions = {}): Tensor => {
  const { beta = 0.5, temperature = 1 } = options
  checkDivergence('divergenceOfLogits', options)
  return divergenceTerms(logProbs(student, temperature), stopGradient(logProbs(teacher, temperature)), beta).divergence
}

const logProbs = (logits: Tensor, temperature: number): Tensor =>
  logSoftmax(mul(cast(logits, 'float32'), 1 / temperature))

/** Sums over words, each [N]. */
export interface DivergenceTerms {
  readonly divergence: Tensor
  /** Σ s · log(s/m), the mean that the gradient is relative to; undefined for β = 0, which needs none. */
  readonly excess: Tensor | undefined
  /** Σ s, which is 1 but for rounding. */
  readonly mass: Tensor
  readonly entropy: Tensor
}

/** Contributions of the words of two chunks together. */
export const joinTerms = (a: DivergenceTerms, b: DivergenceTerms): DivergenceTerms => ({
  divergence: add(a.divergence, b.divergence),
  excess: a.excess && b.excess && add(a.excess, b.excess),
  mass: add(a.mass, b.mass),
  entropy: add(a.entropy, b.entropy),
})

/** Contributions of the words of one chunk, from log-probabilities [N, C] of student (s) and teacher (t). */
export const divergenceTerms = (s: Tensor, t: Tensor, beta: number): DivergenceTerms => {
  const over = (weights: Tensor, values: Tensor): Tensor => sum(mul(weights, values), { axes: -1 })
  const [p, q] = [exp(s), exp(t)]
  const shared = { entropy: neg(over(p, s)), mass: sum(p, { axes: -1 }) }
  if (beta === 0) return { divergence: over(q, sub(t, s)), excess: undefined, ...shared }
  const excess = over(p, excessOf(s, t, beta))
  if (beta === 1) return { divergence: excess, excess, ...shared }
  // log(t/m) = −log β − softplus(−u), with u the log odds of the teacher in the mixture m
  const teacher = over(q, neg(add(softplus(neg(mixtureOdds(s, t, beta))), Math.log(beta))))
  return { divergence: add(mul(teacher, beta), mul(excess, 1 - beta)), excess, ...shared }
}

const mixtureOdds = (s: Tensor, t: Tensor, beta: number): Tensor => add(sub(t, s), Math.log(beta / (1 - beta)))

/** log(s/m) with m the mixture; log(s/t) for β = 1. */
const excessOf = (s: Tensor, t: Tensor, beta: number): Tensor =>
  beta === 1 ? sub(s, t) : neg(add(softplus(mixtureOdds(s, t, beta)), Math.log1p(-beta)))

/** d divergence / d logit: s − t for β = 0, else (1−β)·s·(log(s/m) − mean), with 1 in place of 1−β for β = 1. */
export const logitGradient = (s: Tensor, t: Tensor, beta: number, mean: Tensor | undefined): Tensor => {
  if (beta === 0 || !mean) return sub(exp(s), exp(t))
  const centred = mul(exp(s), sub(excessOf(s, t, beta), unsqueeze(mean, -1)))
  return beta === 1 ? centred : mul(centred, 1 - beta)
}
