import type { Dim, Tensor } from '@qilin-med/tensor'

// Legend: N labelled tokens, S sequences, P pairs (S = 2P), D width, V vocabulary.

/** A sum and the weight it is to be divided by, both scalars. */
export interface Metric {
  readonly sum: Tensor
  readonly weight: Tensor
}

/**
 * What every loss returns. The value of the loss is `sum / weight`; a loop that accumulates micro-batches adds the sums
 * and the weights and divides once, so that the result does not depend on how a batch was cut.
 * Both are 0 where there is nothing to learn from; gradients are those of `sum`.
 */
export interface LossResult extends Metric {
  /** What is logged beside the loss, under TRL's names. Carries no gradient. */
  readonly metrics: Readonly<Record<string, Metric>>
}

/**
 * Predictions at N labelled positions, seen only through numbers per token: logits [N, V] need never exist.
 * What is not asked for is not computed.
 */
export interface TokenScores {
  /** [N] log p(target), natural log. */
  readonly logProbs: Tensor
  /** [N] int32, which sequence each token belongs to, in [0, S). */
  readonly sequences: Tensor
  /** [N] int32, index of each token inside its completion, from 0. */
  readonly offsets: Tensor
  /** S. */
  readonly sequenceCount: Dim
  /** [N] −Σ p log p, in nats. */
  entropy(): Tensor
  /** [N] 1 where the target is the most probable token (the first of several equals), else 0. No gradient. */
  correct(): Tensor
  /** [N] Σ p². No gradient. */
  sumSquaredProbs(): Tensor
  /** [N] mean of the logits over the vocabulary, after scale, soft cap and temperature. */
  meanLogit(): Tensor
  /** [N] log Σ e^logit. */
  logSumExp(): Tensor
}

/** The completions on one side of P pairs: all chosen ones, or all rejected ones. */
export interface Completion {
  /** [P] sum of the log-probabilities of each completion's tokens (end of text included, prompt and padding not). */
  readonly logProb: Tensor
  /** [P] float32, number of tokens of each completion. */
  readonly length: Tensor
  /** Access to single tokens; absent where only sums were kept. */
  readonly tokens?: CompletionTokens
}

/** Tokens of the completions on one side. */
export interface CompletionTokens {
  /** Scores of the tokens of both sides, N in all. */
  readonly scores: TokenScores
  /** Sums one value per token, [N], over the tokens of each completion of this side: [P]. */
  sum(values: Tensor): Tensor
}

/** Both sides of P pairs under one model. Pair i is completion i of each side. */
export interface Pair {
  readonly chosen: Completion
  readonly rejected: Completion
}

/** P pairs under the model that is trained and under the reference model. */
export interface PreferencePairs {
  readonly policy: Pair
  /** Carries no gradient. Where there is no reference model, its members throw MissingReferenceError when read. */
  readonly reference: Pair
  /** The prompts of the pairs under the trained model, where they were labelled too. */
  readonly prompts?: Completion
}

/** S completions, each good or bad by itself, under the model that is trained and under the reference model. */
export interface UnpairedCompletions {
  readonly policy: Completion
  /** Carries no gradient. Where there is no reference model, its members throw MissingReferenceError when read. */
  readonly reference: Completion
  /** [S] bool, true where the completion is a good one. */
  readonly desirable: Tensor
  /** The prompts with each other's completions, under both models: an estimate of their divergence. No gradient. */
  readonly mismatched?: { readonly policy: Completion; readonly reference: Completion }
}

/** S sampled completions with what they earned. */
export interface Rollouts {
  /** Scores of the completions' tokens under the model that is trained. */
  readonly policy: TokenScores
  /** [S] how much better each completion is than its group. */
  readonly advantages: Tensor
  /** [N] log-probabilities of the tokens when they were sampled; absent in the first update, when they are the policy's. */
  readonly old?: Tensor
  /** [N] log-probabilities under the reference model, for the KL penalty. */
  readonly reference?: Tensor
}

/** Scores a reward model gave to P pairs. */
export interface RewardPairs {
  /** [P] */
  readonly chosen: Tensor
  /** [P] */
  readonly rejected: Tensor
  /** [P] by how much the chosen one ought to win. */
  readonly margin?: Tensor
}

/** A loss on single tokens: CPT, SFT. Any function of this form will do. */
export interface TokenLoss {
  (scores: TokenScores): LossResult
  /** What the loss is a function of, so that a mismatch with the data is found before training; set by `tokenLoss`. */
  readonly kind?: 'token'
}

/** A loss on pairs of completions: DPO and its family. Any function of this form will do. */
export interface PreferenceLoss {
  (pairs: PreferencePairs): LossResult
  /** What the loss is a function of; set by `preferenceLoss`. */
  readonly kind?: 'preference'
}

/** A loss on completions without a partner: KTO. Any function of this form will do. */
export interface UnpairedLoss {
  (completions: UnpairedCompletions): LossResult
  readonly kind?: 'unpaired'
}

/** A loss on sampled completions: GRPO and its family. Any function of this form will do. */
export interface RolloutLoss {
  (rollouts: Rollouts): LossResult
  readonly kind?: 'rollout'
}

/** A loss of a reward model. Any function of this form will do. */
export interface RewardLoss {
  (pairs: RewardPairs): LossResult
  readonly kind?: 'reward'
}
