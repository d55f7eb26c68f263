import type { NdArray } from '../array'
import type { Executable, LoadOptions, Resident } from '../runtime'
import type { Program } from '../trace'

/** How a program is to be loaded, and for which calls. */
export interface HostLoadOptions extends LoadOptions {
  /** Keys of the symbolic axes that are 0 in these calls; see `lowerProgram`. */
  readonly empty?: ReadonlySet<string>
}

/**
 * Where programs run: sessions and memory, and nothing else. `runtimeOn` makes a runtime of one and gives all runtimes
 * the same order of calls, cancellation and checks, so a host is called for one thing at a time, with operands of its own.
 */
export interface Host<P = Program> {
  load(program: P, options: HostLoadOptions): Promise<Executable>
  /** Keeps a copy. */
  upload(array: NdArray): Promise<Resident>
  /** A copy. */
  download(resident: Resident): Promise<NdArray>
  /** Keeps a copy in the place of what was there. */
  write(resident: Resident, array: NdArray): Promise<void>
  /** Frees everything. */
  dispose(): Promise<void>
}
