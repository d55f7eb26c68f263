import type { PythonPeer } from './python'

/** One measured case: `ours` and `peer` are run alternately; each call returns the figure in `unit`. */
export interface BenchCase {
  /** Says size, precision and peer, such as `lora-step int8 74m vs torch-bf16`. */
  readonly name: string
  readonly unit: string
  /** True for rates (tokens/s), false for costs (ms, MB): decides which way the ratio is taken. */
  readonly higherIsBetter: boolean
  readonly peerName: string
  /** Alternating repetitions after one warm-up of each side; at least 5. */
  readonly rounds?: number
  ours(): Promise<number>
  /** Undefined when the peer is not installed: the line then says so. */
  peer?: () => Promise<number>
  /** What else the line reports about our side, asked for after the last round: rates, fractions, sizes, by name. */
  details?(): Promise<Readonly<Record<string, number>>>
  /** Versions that the figures depend on. */
  readonly versions?: Readonly<Record<string, string>>
}

/** Options of `npm run bench`. */
export interface BenchOptions {
  /** Python with the peer libraries, kept outside the repository. */
  readonly peerPython: string | undefined
  /** Folder with real data, when there is one. */
  readonly data: string | undefined
  /** Hugging Face folder of a real model, when one was named. */
  readonly model: string | undefined
  /** Starts `bench/peers/NAME.py` and keeps it until the last case is done; undefined without `--peer-python`. */
  startPeer(name: string, args?: readonly string[]): Promise<PythonPeer | undefined>
  /** Hands over what the cases need (a runtime, a server): it is disposed of after the last case, also after a failure. */
  own<T extends AsyncDisposable>(resource: T): T
}

/** A named suite: `npm run bench -- NAME`. Lives in `bench/src/suites/NAME.ts` as `export const suite`. */
export interface Suite {
  readonly name: string
  cases(options: BenchOptions): Promise<BenchCase[]>
}
