import {
  add,
  constant,
  div,
  exp,
  gather,
  maximum,
  minimum,
  mul,
  neg,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from '@qilin-med/tensor'
import { requireOption } from './errors'
import { count, meanMetric } from './reductions'
import { lengths, tokenDim, tokenLoss } from './token'
import type { Metric, TokenLoss, TokenScores } from './types'

/** How the losses of single tokens become one number. */
export type TokenReduction = (typeof reductions)[number]

const reductions = ['token-mean', 'sequence-mean', 'sum'] as const

/** Options of `sft`. */
export interface SftOptions {
  /**
   * `token-mean`: every token counts the same, over all micro-batches of a step (transformers, TRL; default).
   * `sequence-mean`: every sequence counts the same. `sum`: no division (the paper's equations); a step then takes the
   * mean over its micro-batches.
   */
  readonly reduction?: TokenReduction
  /** Share of the probability spread evenly over the vocabulary, in [0, 1); default 0. */
  readonly labelSmoothing?: number
  /** Weight of (log Σ e^logit)², which keeps logits from drifting; default 0. */
  readonly zLoss?: number
  /** Weight each token by its own probability, as dynamic fine-tuning does; default false. */
  readonly dft?: boolean
  /** Log entropy and token accuracy, which read the logits once more; default true. */
  readonly metrics?: boolean
}

/**
 * Loss of supervised fine-tuning: cross-entropy of the labelled tokens. Logs `entropy` (nats per token) and
 * `mean_token_accuracy`. A batch without labelled token gives 0 with weight 0.
 *
 * @throws LossError for options outside their range
 * @see transformers 5.23 `ForCausalLMLoss`, `LabelSmoother`; TRL 1.16 `trl/trainer/sft_trainer.py`
 * @see Szegedy et al. 2016 (label smoothing), https://arxiv.org/abs/1512.00567
 * @see Chowdhery et al. 2022, §5 (z-loss), https://arxiv.org/abs/2204.02311
 * @see Wu et al. 2025 (DFT), https://arxiv.org/abs/2508.05629
 */
export const sft = (options: SftOptions = {}): TokenLoss => {
  const { reduction = 'token-mean', metrics = true } = options
  check(options)
  return tokenLoss((scores) => ({
    ...reduced(tokenLosses(scores, options), scores, reduction),
    metrics: metrics ? tokenMetrics(scores) : {},
  }))
}

/**
 * Loss of continued pre-training: mean cross-entropy of every token, nothing logged beside it. `sft` is the same loss
 * with more options.
 */
export const cpt = ({ zLoss = 0 }: Pick<SftOptions, 'zLoss'> = {}): TokenLoss => sft({ zLoss, metrics: false })

const check = ({ reduction = 'token-mean', labelSmoothing = 0, zLoss = 0, dft = false }: SftOptions): void => {
  const require = (holds: boolean, operand: string, got: unknown, expected: string, advice: string) =>
    requireOption(holds, { loss: 'sft', operand, got, expected, advice })
  require(reductions.includes(reduction), 'reduction', reduction, `one of ${reductions.join(', ')}`, 'Check the name.')
  require(labelSmoothing >= 0 &&
    labelSmoothing < 1, 'labelSmoothing', labelSmoothing, 'labelSmoothing in [0, 1)', 'Use 0 for none.')
  require(zLoss >= 0, 'zLoss', zLoss, 'zLoss of 0 or more', 'Use 0 for none.')
  require(!dft ||
    labelSmoothing ===
      0, 'dft', `labelSmoothing ${labelSmoothing}`, 'dft without labelSmoothing', 'Leave one of them out.')
}

const tokenMetrics = (scores: TokenScores): Record<string, Metric> => ({
  entropy: meanMetric(scores.entropy()),
  mean_token_accuracy: meanMetric(scores.correct()),
})

/** Loss of every token, [N]. */
const tokenLosses = (scores: TokenScores, { labelSmoothing = 0, zLoss = 0, dft = false }: SftOptions): Tensor => {
  const nll = neg(scores.logProbs)
  const weighted = dft ? mul(nll, stopGradient(exp(scores.logProbs))) : nll
  const smoothed =
    labelSmoothing > 0
      ? // −mean over the vocabulary of log p = log Σ e^z − mean z
        add(mul(weighted, 1 - labelSmoothing), mul(sub(scores.logSumExp(), scores.meanLogit()), labelSmoothing))
      : weighted
  return zLoss > 0 ? add(smoothed, mul(square(scores.logSumExp()), zLoss)) : smoothed
}

const reduced = (losses: Tensor, scores: TokenScores, reduction: TokenReduction) => {
  if (reduction === 'token-mean') return { sum: sum(losses), weight: count(tokenDim(scores)) }
  if (reduction === 'sum') return { sum: sum(losses), weight: constant(1) }
  const length = lengths(scores)
  const share = div(losses, gather(length, scores.sequences))
  return { sum: sum(share), weight: sum(minimum(maximum(length, 0), 1)) } // sequences with a token
}
