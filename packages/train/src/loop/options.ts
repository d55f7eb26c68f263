import type { CollateOptions } from '../data/collate'
import type { DataSource } from '../data/dataset'
import type { BatchOptions } from '../data/plan'
import type { AdapterFactory, TrainableAdapter, TrainableModel } from '../model'
import type { Optimizer } from '../optimizers/optimizer'
import type { Loss } from './objective'

/** Where and how often a run is saved. */
export interface CheckpointOptions {
  readonly folder: string
  /** Steps between checkpoints; the last step always has one. Default: only the last. */
  readonly every?: number
  /** How many of the newest stay; default 2. With `evaluation` the best one stays too. */
  readonly keep?: number
}

/** Held-out rows that are scored while training. */
export interface EvaluationOptions {
  readonly data: DataSource
  /** Steps between evaluations; default: once an epoch. The last step always has one. */
  readonly every?: number
  /** Rows of one micro-batch; default that of `batch`. */
  readonly rows?: number
}

/** Options of `train`. */
export interface TrainOptions<Network, Modules, Adapter> {
  readonly model: TrainableModel<Network, Modules>
  /** What is trained, such as `lora({ rank: 8 })` or a loaded adapter; absent: the model's own parameters. */
  readonly adapter?: AdapterFactory<Network, Modules, Adapter> | Adapter
  /** Without an adapter: which of the model's parameters are trained; default all. */
  readonly trains?: (name: string) => boolean
  /** A token loss for rows with labels, a preference loss for pairs. */
  readonly loss: Loss
  /** Rows in memory, a data set, or a stream, which is kept in memory. */
  readonly data: DataSource
  readonly optimizer: Optimizer
  readonly batch: BatchOptions & CollateOptions
  /** Passes over the data; a fraction is fine. Give this or `steps`. */
  readonly epochs?: number
  readonly steps?: number
  /** Decides order, dropout and an adapter's first values; default 42. */
  readonly seed?: number
  /** Another order of rows each epoch; default true. */
  readonly shuffle?: boolean
  /** Largest global norm of a step's gradient; default 1, Infinity for no clipping. */
  readonly clip?: number
  /**
   * Adapter of the reference model of a preference loss; default: none, the model's weights as they are loaded. Its
   * log-probabilities are computed once, before the first step.
   */
  readonly reference?: TrainableAdapter<Network>
  readonly checkpoints?: CheckpointOptions
  readonly evaluation?: EvaluationOptions
  /** Stops the run after the step in progress, with a checkpoint. */
  readonly signal?: AbortSignal
  /** Let the runtime lay out constants anew, for speed at the price of memory; default false. */
  readonly prepack?: boolean
  /**
   * Keep only the input of each layer and compute the layer again in the backward pass (gradient checkpointing): less
   * memory for about one more forward pass of time. Gradients are the same up to rounding; default false.
   */
  readonly recompute?: boolean
  /**
   * Blocks of queries that attention is cut into, each of which sees the keys up to its end: more of them compute fewer pairs and
   * need more nodes. Default: `attentionBlocksFor` the mean length of the rows; 4 for data that is read row by row.
   */
  readonly attentionBlocks?: number
  /**
   * Look for NaN and infinite numbers in everything that a step computes: the step that has some throws a TensorError
   * `non-finite` that names the first operation and the line that applied it. For debugging, at about twice the time; default false.
   */
  readonly checkFinite?: boolean
  /** Milliseconds, for the pace in events; default `performance.now`. */
  readonly clock?: () => number
}
