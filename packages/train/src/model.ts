import type { OutputHead } from '@qilin-med/losses'
import type { FlatLayout, Runtime, Tensor } from '@qilin-med/tensor'

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

/** Traced tensors by parameter name. */
export type Parameters = Readonly<Record<string, Tensor>>

/** A named parameter with its stored shape. */
export interface ParameterShape {
  readonly name: string
  readonly shape: readonly number[]
}

/** How a pass over whole rows is traced. A model may leave either out: results are the same up to rounding. */
export interface PassOptions {
  /** Layers are computed again in the backward pass. */
  readonly recompute?: boolean
  /** Blocks of queries that attention is cut into; long rows take less time and memory in more. */
  readonly attentionBlocks?: number
}

/**
 * What training needs of a model. `Network` is whatever its forward pass is written against; training only hands it
 * from one function to the next. `@qilin-med/models` provides it; a test can write one by hand in ten lines.
 */
export interface TrainableModel<Network = unknown, Modules = unknown> {
  readonly runtime: Runtime
  /** What an adapter can attach to; passed on to the adapter as it is. */
  readonly modules: Modules
  /** The parameters that full training changes, named as in the checkpoint. */
  readonly parameters: readonly ParameterShape[]
  /** The weight with this checkpoint name as a constant. */
  weight(name: string): Tensor
  /** The layers over the model's weights as constants, except those given here by checkpoint name. */
  network(replaced?: Parameters): Network
  /** [B, T, D], after the final norm. */
  hiddenStates(network: Network, batch: TokenBatch, options?: PassOptions): Tensor
  outputHead(network: Network): OutputHead
}

/** How an adapter is applied in one traced program. */
export interface AdapterOptions {
  /** Key of this micro-batch's dropout masks for a layer, int64 [2]; absent: nothing is dropped. */
  readonly dropoutKey?: (path: string) => Tensor
}

/** An adapter as training sees it: named weights in one flat vector, and what they do to a network. Plain data. */
export interface TrainableAdapter<Network = unknown> {
  /** Options it was made with, as plain data: a checkpoint belongs to a run with equal ones. */
  readonly config?: object
  /** What tells its function from those of other adapters with the same names and shapes. */
  readonly structure?: string
  readonly layout: FlatLayout
  readonly values: Float32Array
  /** The network with this adapter; `parameters` are the tensors of `layout`, by name. */
  apply(network: Network, parameters: Parameters, options?: AdapterOptions): Network
}

/** Makes an adapter for a model's modules; `lora({ rank: 8 })` is one. */
export interface AdapterFactory<Network = unknown, Modules = unknown, Adapter = TrainableAdapter<Network>> {
  create(modules: Modules, options: FirstValues): Adapter
}

/** What an adapter's first values are made from. */
export interface FirstValues {
  /** Equal seeds give equal values. */
  readonly seed: number
  /** Values of the model's own parameters, for adapters that start from them. */
  readonly weight: (name: string) => Float32Array
}
