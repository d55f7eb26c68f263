import type { NdArray } from './array'
import type { DType } from './dtype'
import type { Program } from './trace'

/**
 * An array that a runtime keeps: parameters and optimiser state that stay where they are between calls.
 * Made by `upload`, read by `download`, updated in place by programs compiled with `carry`.
 */
export interface Resident {
  readonly resident: true
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** One argument or result of a program call. */
export type Operand = NdArray | Resident

/** True for an array that a runtime keeps. */
export const isResident = (value: unknown): value is Resident =>
  typeof value === 'object' && value !== null && (value as { resident?: unknown }).resident === true

/** How one call is to run. */
export interface RunOptions {
  /** Aborting cancels the call unless it has begun: a program that runs is finished, so state is never half updated. */
  readonly signal?: AbortSignal
}

/** A program loaded into a runtime. */
export interface Executable {
  /**
   * Runs the program once. Calls run in the order in which they were made; arrays given to one stay unchanged until it
   * is done.
   *
   * @param inputs  one per program input, in order
   * @param targets one per program output: a resident array of this runtime to write into, or undefined for a new array
   * @returns       one array per output without a target, undefined elsewhere
   * @throws TensorError `cancelled` when the signal was aborted before the program began
   */
  run(
    inputs: readonly Operand[],
    targets: readonly (Resident | undefined)[],
    options?: RunOptions,
  ): Promise<(NdArray | undefined)[]>
  /** Frees the session once the calls made before are done; later ones throw a TensorError with code `disposed`. */
  dispose(): Promise<void>
}

/** How a program is to be loaded. */
export interface LoadOptions {
  /**
   * False keeps constants as they are in their file: mapped, not copied, shared by all programs (default).
   * True lets the runtime lay them out anew for its kernels, which costs memory and is faster for small batches.
   */
  readonly prepack?: boolean
  /** Results, from the first on, that every call writes into resident arrays: a GPU keeps those. Default 0. */
  readonly carried?: number
}

/** What executes programs. The only thing that owns memory; `await using` it, or call `dispose` once. */
export interface Runtime extends AsyncDisposable {
  /** Such as `node-cpu` or `reference`. */
  readonly name: string
  load(program: Program, options?: LoadOptions): Promise<Executable>
  upload(array: NdArray): Promise<Resident>
  /** A copy of a resident array. */
  download(resident: Resident): Promise<NdArray>
  /** Overwrites a resident array with one of the same type and shape. */
  write(resident: Resident, array: NdArray): Promise<void>
  /** Frees everything: sessions and residents. Calls that have not begun throw a TensorError with code `disposed`. */
  dispose(): Promise<void>
}
