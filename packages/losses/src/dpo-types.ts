import {
  add,
  div,
  exp,
  full,
  logSigmoid,
  maximum,
  mul,
  neg,
  relu,
  sigmoid,
  square,
  sub,
  sum,
  type Tensor,
} from '@qilin-med/tensor'
import { ascending } from './sort'
import type { Pair } from './types'

/** What the formulas are written in; every tensor is [P]. */
export interface DpoTerms {
  readonly policy: Pair
  readonly reference: Pair
  /** log π/ρ of the chosen and of the rejected completion. */
  readonly chosenRatio: Tensor
  readonly rejectedRatio: Tensor
  /** The same after the f-divergence; equal to the ratios for reverse KL. */
  readonly chosenScore: Tensor
  readonly rejectedScore: Tensor
  readonly beta: number
  readonly labelSmoothing: number
  readonly discopopTau: number
}

/** The objectives of TRL's DPOTrainer. */
export type DpoType =
  | 'sigmoid'
  | 'hinge'
  | 'ipo'
  | 'exo_pair'
  | 'nca_pair'
  | 'robust'
  | 'bco_pair'
  | 'sppo_hard'
  | 'aot'
  | 'aot_unpaired'
  | 'apo_zero'
  | 'apo_down'
  | 'discopop'
  | 'sft'
  | 'sigmoid_norm'

/** Objectives that may be combined with an f-divergence other than reverse KL. */
export const divergent: ReadonlySet<DpoType> = new Set([
  'sigmoid',
  'sigmoid_norm',
  'hinge',
  'ipo',
  'exo_pair',
  'robust',
  'discopop',
  'sft',
])

/** −(1−ε) log σ(x) − ε log σ(−x): cross-entropy of a preference that is right with probability 1−ε. */
export const smoothedLogistic = (x: Tensor, epsilon: number): Tensor => {
  const agrees = neg(logSigmoid(x))
  return epsilon === 0 ? agrees : sub(mul(agrees, 1 - epsilon), mul(logSigmoid(neg(x)), epsilon))
}

const margin = ({ chosenScore, rejectedScore, beta }: DpoTerms): Tensor => mul(sub(chosenScore, rejectedScore), beta)

/** Difference of the scores per token; an empty completion counts as one token. */
const normalisedDelta = ({ policy: { chosen, rejected }, chosenScore, rejectedScore }: DpoTerms): Tensor =>
  sub(div(chosenScore, maximum(chosen.length, 1)), div(rejectedScore, maximum(rejected.length, 1)))

/** Loss of each pair, [P], by objective. Papers: see `dpo`. */
export const dpoFormulas: Readonly<Record<DpoType, (terms: DpoTerms) => Tensor>> = {
  sigmoid: (terms) => smoothedLogistic(margin(terms), terms.labelSmoothing),

  hinge: (terms) => relu(sub(1, margin(terms))),

  ipo: (terms) => square(sub(normalisedDelta(terms), 1 / (2 * terms.beta))),

  exo_pair: (terms) => {
    const x = margin(terms)
    const epsilon = terms.labelSmoothing
    const wins = mul(sigmoid(x), sub(logSigmoid(x), Math.log1p(-epsilon)))
    const loses = mul(sigmoid(neg(x)), sub(logSigmoid(neg(x)), Math.log(epsilon)))
    return add(wins, loses)
  },

  nca_pair: ({ chosenRatio, rejectedRatio, beta }) => {
    const chosen = mul(chosenRatio, beta)
    const pull = add(logSigmoid(neg(chosen)), logSigmoid(neg(mul(rejectedRatio, beta))))
    return neg(add(logSigmoid(chosen), mul(pull, 0.5)))
  },

  robust: (terms) => {
    const x = margin(terms)
    const epsilon = terms.labelSmoothing
    const noisy = sub(mul(logSigmoid(neg(x)), epsilon), mul(logSigmoid(x), 1 - epsilon))
    return mul(noisy, 1 / (1 - 2 * epsilon))
  },

  bco_pair: ({ chosenRatio, rejectedRatio, beta }) =>
    neg(add(logSigmoid(mul(chosenRatio, beta)), logSigmoid(neg(mul(rejectedRatio, beta))))),

  sppo_hard: ({ chosenRatio, rejectedRatio, beta }) =>
    add(square(sub(chosenRatio, 0.5 / beta)), square(add(rejectedRatio, 0.5 / beta))),

  aot: ({ policy, reference, beta, labelSmoothing }) => {
    const own = ascending(sub(policy.chosen.logProb, policy.rejected.logProb))
    const theirs = ascending(sub(reference.chosen.logProb, reference.rejected.logProb))
    return smoothedLogistic(mul(sub(own, theirs), beta), labelSmoothing)
  },

  aot_unpaired: ({ chosenRatio, rejectedRatio, beta, labelSmoothing }) =>
    smoothedLogistic(mul(sub(ascending(chosenRatio), ascending(rejectedRatio)), beta), labelSmoothing),

  apo_zero: ({ chosenRatio, rejectedRatio, beta }) =>
    add(sigmoid(mul(chosenRatio, -beta)), sigmoid(mul(rejectedRatio, beta))), // 1 − σ(x) = σ(−x)

  apo_down: ({ chosenRatio, rejectedRatio, beta }) =>
    add(sigmoid(mul(chosenRatio, beta)), sigmoid(mul(sub(chosenRatio, rejectedRatio), -beta))),

  discopop: (terms) => {
    const x = margin(terms)
    const share = sigmoid(mul(x, 1 / terms.discopopTau))
    return add(mul(neg(logSigmoid(x)), sub(1, share)), mul(exp(neg(x)), share))
  },

  sft: ({ policy: { chosen } }) => {
    const nll = neg(div(sum(chosen.logProb), maximum(sum(chosen.length), 1)))
    return mul(full(chosen.logProb.shape, 1), nll) // the batch mean, once per pair
  },

  sigmoid_norm: (terms) => neg(logSigmoid(mul(normalisedDelta(terms), terms.beta))),
}
