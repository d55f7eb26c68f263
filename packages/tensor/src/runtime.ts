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

/** A program loaded into a runtime. */
export interface Executable {
  /**
   * Runs the program once.
   *
   * @param inputs  one per program input, in order
   * @param targets one per program output: a resident array of this runtime to write into, or undefined for a new array
   * @returns       one array per output without a target, undefined elsewhere
   */
  run(inputs: readonly Operand[], targets: readonly (Resident | undefined)[]): Promise<(NdArray | undefined)[]>
  /** Frees the session. The residents stay. */
  dispose(): Promise<void>
}

/** How a program is to be loaded. */
export interface LoadOptions {
  /**
   * False keeps constants as they are in their file: mapped, not copied, shared by all programs (default).
   * True lets the runtime lay them out anew for its kernels, which costs memory and is faster for small batches.
   */
  readonly prepack?: boolean
}

/** What executes programs. The only thing that owns memory; `await using` it, or call `dispose` once. */
export interface Runtime extends AsyncDisposable {
  /** Such as `node-cpu` or `reference`. */
  readonly name: string
  load(program: Program, options?: LoadOptions): Promise<Executable>
  upload(array: NdArray): Promise<Resident>
  /** A copy of a resident array. */
  download(resident: Resident): Promise<NdArray>
  /** Overwrites a resident array. */
  write(resident: Resident, array: NdArray): Promise<void>
  /** Frees everything: sessions and residents. Later calls throw a TensorError with code `disposed`. */
  dispose(): Promise<void>
}
