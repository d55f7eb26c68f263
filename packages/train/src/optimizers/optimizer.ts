import type { FlatLayout, Tensor } from '@qilin-med/tensor'
import type { Schedule } from '../schedules/schedule'

/** Traced tensors of an optimiser's state, by name. */
export type OptimizerState = Readonly<Record<string, Tensor>>

/** What `update` receives, all traced; vectors are flat over all parameters. */
export interface UpdateInputs {
  /** [P] */
  readonly parameters: Tensor
  /** [P], already averaged and clipped */
  readonly gradients: Tensor
  readonly state: OptimizerState
  /** The numbers of this step, scalars named as `scalars` names them. */
  readonly scalars: Readonly<Record<string, Tensor>>
}

/**
 * An optimiser: pure functions that say what it remembers, which numbers a step needs, and what a step does.
 * `update` is traced, so it runs inside the training program.
 */
export interface Optimizer {
  readonly name: string
  readonly learningRate: Schedule
  /** Everything that decides what a step does, as plain data: part of what a checkpoint must match to be resumed. */
  readonly settings: Readonly<Record<string, unknown>>
  /** State before the first step: flat vectors by name. */
  init(layout: FlatLayout): Readonly<Record<string, Float32Array>>
  /**
   * Numbers of one step, computed in float64 outside the program: bias corrections need more digits than float32 has.
   *
   * @param step         0 for the first
   * @param learningRate rate of this step
   */
  scalars(step: number, learningRate: number): Readonly<Record<string, number>>
  update(inputs: UpdateInputs, layout: FlatLayout): { readonly parameters: Tensor; readonly state: OptimizerState }
}

/** What every optimiser takes. */
export interface OptimizerOptions {
  /** A constant rate, or a schedule such as `linear({ peak: 2e-5, warmup: 0.05 })`. */
  readonly learningRate: number | Schedule
  /** Weight decay λ; 0 for none. */
  readonly weightDecay?: number
  /** Which parameters decay (default: as transformers decides, no biases and no norms). */
  readonly decays?: (name: string, shape: readonly number[]) => boolean
  /** Factor of the learning rate of each parameter (default 1); see `loraPlus`. */
  readonly rateScale?: (name: string, shape: readonly number[]) => number
}

/** The schedule that a `learningRate` option stands for. */
export const scheduleOf = (learningRate: number | Schedule): Schedule =>
  typeof learningRate === 'number' ? () => learningRate : learningRate

/** Names that transformers' Trainer keeps from decaying, and the norms of GPT-2 that it knows by their class. */
const undecayed = /bias|layernorm|rmsnorm|(^|\.)norm($|\.)|_norm($|\.)|(^|\.)ln_[^.]*\./

/** True where weight decay acts on the parameter of that name: on matrices, not on biases and norms. */
export const decaysByName = (name: string): boolean => !undecayed.test(name.toLowerCase())

/** Rate factors of LoRA+ (Hayou et al. 2024), by PEFT's rule: `ratio` for B matrices and vectors, 1 for A. */
export const loraPlus =
  (ratio: number): ((name: string, shape: readonly number[]) => number) =>
  (name, shape) =>
    name.includes('lora_B') || shape.length === 1 ? ratio : 1
