import type { Runtime, Tensor } from '@qilin-med/tensor'

/** Rows of tokens as a forward pass reads them, all int32 [B, T]. */
export interface TokenBatch {
  readonly ids: Tensor
  /** Position of each token in its own text. */
  readonly positions: Tensor
  /** Segment of each token; 0 is padding. Tokens see their own segment. */
  readonly segments: Tensor
  /** Segment besides its own that each token sees; its own where it has none. */
  readonly parents?: Tensor
}

/** The matrix that turns hidden states into vocabulary logits. */
export interface OutputHead {
  /** [V, D] */
  readonly weight: Tensor
  /** [V] */
  readonly bias?: Tensor | undefined
  /** c in c·tanh(logit/c). */
  readonly softcap?: number | undefined
}

/** Name and shape of a parameter that training may change. */
export interface ParameterSpec {
  readonly name: string
  readonly shape: readonly number[]
  /** False where weight decay must not act (default: by name, as transformers decides). */
  readonly decay?: boolean | undefined
  /** Factor of the learning rate (default 1); LoRA+ sets it for B. */
  readonly rateScale?: number | undefined
}

/** Values of parameters by name. */
export type ParameterValues = Readonly<Record<string, Float32Array>>

/**
 * What training needs of a model. `Network` is whatever its forward pass is written against; training only hands it
 * from one function to the next. `@qilin-med/models` provides it; a test can write one by hand in ten lines.
 */
export interface TrainableModel<Network = unknown> {
  readonly runtime: Runtime
  /** Parameters that full training changes, in the order and with the names of the checkpoint. */
  readonly parameters: readonly ParameterSpec[]
  /** The layers over the model's weights as constants, except those given here by checkpoint name. */
  network(replaced?: Readonly<Record<string, Tensor>>): Network
  /** [B, T, D], after the final norm. */
  hiddenStates(network: Network, batch: TokenBatch): Tensor
  outputHead(network: Network): OutputHead
  /** Values of the parameter with that checkpoint name, widened to float32. */
  read(name: string): Promise<Float32Array>
  /** A text that differs whenever a weight differs: part of the key of cached reference log-probabilities. */
  fingerprint(): Promise<string>
}

/** What an adapter does to a network while it is trained. */
export interface AttachedAdapter<Network = unknown, Trained = unknown> {
  /** Everything that is trained, in the order of the flat vector: A and B matrices, full copies, biases. */
  readonly parameters: readonly ParameterSpec[]
  /** Values to start from, one per parameter. */
  initialize(): Promise<ParameterValues>
  /**
   * The network with the adapter in place.
   *
   * @param parameters one tensor per parameter, in its shape
   * @param random     int32 [2], different in every micro-batch and equal in a repeated run: the counter that dropout
   *                   draws from. Absent: no dropout (evaluation, preference training)
   */
  apply(network: Network, parameters: Readonly<Record<string, Tensor>>, random?: Tensor): Network
  /** What `run.adapter` is after training: the adapter with these values. */
  trained(values: ParameterValues): Trained
}

/**
 * An adapter to train: a plan such as `lora({ rank: 8 })`, or one with weights that training goes on from.
 * `attach` decides for one model which parameters there are.
 */
export interface TrainableAdapter<Network = unknown, Trained = unknown> {
  /** @param seed of the random initial values; equal seeds give equal values */
  attach(model: TrainableModel<Network>, options: { readonly seed: number }): AttachedAdapter<Network, Trained>
}
