import { Worker } from 'node:worker_threads'
import { ChimedError } from './errors'
import { compile, type WasmMemory } from './wasm-host'

/** Bytes that are copied between shared memory and the memory of a kernel. */
export interface SharedCopy {
  readonly shared: SharedArrayBuffer
  readonly offset: number
  readonly bytes: number
  /** Where they lie in the memory of the kernel. */
  readonly address: number
}

/** The same, or several copies of as many bytes each: every next one lies `step` bytes on in the kernel and `sharedStep` in shared memory. */
export interface SteppedCopy extends SharedCopy {
  readonly times?: number
  readonly step?: number
  readonly sharedStep?: number
}

/** One call of a kernel with what it reads and writes. */
export interface WasmJob {
  readonly inputs: readonly SharedCopy[]
  readonly call: string
  readonly args: readonly number[]
  readonly outputs: readonly SteppedCopy[]
  /** Bytes of memory that the call needs. */
  readonly memory: number
}

/** Runs jobs of one kernel on several threads, the calling one among them. */
export interface WasmThreads {
  /** Hands jobs to the other threads, behind those that they have; which thread does which makes no difference to the results. */
  start(jobs: readonly WasmJob[]): WasmRun
  /** Ends the threads. */
  [Symbol.dispose](): void
}

/** Jobs that were started. The calling thread has to help or the jobs of a single thread are never done. */
export interface WasmRun {
  /** Does jobs on the calling thread until each has been taken by some thread. */
  help(): void
  /**
   * Helps until this job is done, and no longer: the other threads go on meanwhile. Blocks the calling thread.
   *
   * @throws ChimedError `dependency` when a job failed
   */
  finishJob(index: number): void
  /**
   * Helps and returns when all jobs are done. Blocks the calling thread.
   *
   * @throws ChimedError `dependency` when a job failed
   */
  finish(): void
}

/** Threads over the kernel embedded as `base64`: `count` - 1 workers and the caller. */
export function wasmThreads(base64: string, count: number): WasmThreads {
  const { module, instantiate } = compile(base64)
  const own = instantiate(4)
  const workers = Array.from({ length: count - 1 }, () => startWorker(module))
  return {
    start: (jobs) => {
      const work = workOf(jobs)
      const { state } = work
      for (const worker of jobs.length > 1 ? workers : []) worker.postMessage(work)
      const help = (until?: number): void => runJobs(work, own.memory, own.exports as Kernel, until)
      return {
        help: () => help(),
        finishJob: (index) => {
          help(index)
          while (Atomics.load(state, 3 + index) === 0) Atomics.wait(state, 3 + index, 0)
          requireNoFailure(state, jobs.length)
        },
        finish: () => {
          help()
          for (let done = Atomics.load(state, 1); done < jobs.length; done = Atomics.load(state, 1))
            Atomics.wait(state, 1, done)
          requireNoFailure(state, jobs.length)
        },
      }
    },
    [Symbol.dispose]: () => {
      for (const worker of workers) void worker.terminate()
    },
  }
}

function requireNoFailure(state: Int32Array, jobs: number): void {
  if (state[2] === 0) return
  throw new ChimedError(
    'dependency',
    `wasmThreads: expected ${jobs} jobs to run, got ${state[2]} that failed, most likely for want of memory. Use smaller batches.`,
  )
}

/** A worker that does not keep the process alive. When it cannot start, the calling thread does all jobs. */
function startWorker(module: object): Worker {
  const worker = new Worker(workerProgram, { eval: true, execArgv: [], workerData: { module } })
  worker.on('error', () => {})
  worker.unref()
  return worker
}

/** Jobs as numbers in shared memory: objects in a message would be copied once for each thread. */
interface Work {
  /** Number of the next job, how many are done, how many failed, and for each whether it is done. */
  readonly state: Int32Array
  /** Where each job begins, and the jobs: see `workOf`. */
  readonly table: Float64Array
  readonly calls: readonly string[]
  readonly memories: readonly SharedArrayBuffer[]
}

/** A job is its memory, call, number of arguments, arguments, number of inputs, inputs, number of outputs, outputs. */
function workOf(jobs: readonly WasmJob[]): Work {
  const calls: string[] = []
  const memories: SharedArrayBuffer[] = []
  const starts: number[] = []
  const numbers: number[] = []
  for (const { memory, call, args, inputs, outputs } of jobs) {
    starts.push(jobs.length + numbers.length)
    numbers.push(memory, numberOf(call, calls), args.length, ...args, inputs.length)
    for (const { shared, offset, bytes, address } of inputs)
      numbers.push(numberOf(shared, memories), offset, bytes, address)
    numbers.push(outputs.length)
    for (const { shared, offset, bytes, address, times = 1, step = 0, sharedStep = 0 } of outputs)
      numbers.push(numberOf(shared, memories), offset, bytes, address, times, step, sharedStep)
  }
  const table = new Float64Array(new SharedArrayBuffer(8 * (starts.length + numbers.length)))
  table.set(starts)
  table.set(numbers, starts.length)
  return { state: new Int32Array(new SharedArrayBuffer(4 * (jobs.length + 3))), table, calls, memories }
}

/** Place of a value in the list, to whose end it is added where it is new. */
function numberOf<T>(value: T, list: T[]): number {
  const known = list.indexOf(value)
  return known < 0 ? list.push(value) - 1 : known
}

type Kernel = Readonly<Record<string, (...args: number[]) => unknown>>

/**
 * Takes jobs until none is left, or the one named `until` is done. Stands alone and has no function with a name within, as workers run its
 * text, whatever a bundler makes of it.
 */
function runJobs({ state, table, calls, memories }: Work, memory: WasmMemory, kernel: Kernel, until?: number): void {
  const jobs = state.length - 3
  while (until === undefined || Atomics.load(state, 3 + until) === 0) {
    const job = Atomics.add(state, 0, 1)
    if (job >= jobs) return
    let at = table[job]!
    try {
      const missing = table[at++]! - memory.buffer.byteLength
      if (missing > 0) memory.grow(Math.ceil(missing / 65536))
      const own = new Uint8Array(memory.buffer)
      const call = calls[table[at++]!]!
      const args = table.slice(at + 1, at + 1 + table[at]!)
      at += 1 + args.length
      for (let inputs = table[at++]!; inputs > 0; inputs--, at += 4)
        own.set(new Uint8Array(memories[table[at]!]!, table[at + 1], table[at + 2]), table[at + 3])
      kernel[call]!(...args)
      for (let outputs = table[at++]!; outputs > 0; outputs--, at += 7) {
        const to = new Uint8Array(memories[table[at]!]!)
        let [offset, from] = [table[at + 1]!, table[at + 3]!]
        for (let times = table[at + 4]!; times > 0; times--, from += table[at + 5]!, offset += table[at + 6]!)
          to.set(own.subarray(from, from + table[at + 2]!), offset)
      }
    } catch {
      Atomics.add(state, 2, 1)
    }
    Atomics.store(state, 3 + job, 1)
    Atomics.notify(state, 3 + job)
    Atomics.add(state, 1, 1)
    Atomics.notify(state, 1)
  }
}

/** What a worker runs. It is text because a file of its own would have to be found from the sources and from both bundles. */
const workerProgram = `
  const { parentPort, workerData } = require('node:worker_threads')
  const memory = new WebAssembly.Memory({ initial: 4 })
  const { exports } = new WebAssembly.Instance(workerData.module, { env: { memory } })
  const run = ${runJobs.toString()}
  parentPort.on('message', (work) => run(work, memory, exports))
`
