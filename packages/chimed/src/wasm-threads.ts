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
      const state = new Int32Array(new SharedArrayBuffer(4 * (jobs.length + 3)))
      for (const worker of jobs.length > 1 ? workers : []) worker.postMessage({ jobs, state })
      const help = (until?: number): void => runJobs(jobs, state, own.memory, own.exports as Kernel, until)
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

type Kernel = Readonly<Record<string, (...args: number[]) => unknown>>

/**
 * Takes jobs until none is left, or the one named `until` is done. `state` holds the number of the next job, how many are done, how many
 * failed, and for each whether it is done. Stands alone, as workers run its text.
 */
function runJobs(
  jobs: readonly WasmJob[],
  state: Int32Array,
  memory: WasmMemory,
  kernel: Kernel,
  until?: number,
): void {
  while (until === undefined || Atomics.load(state, 3 + until) === 0) {
    const next = Atomics.add(state, 0, 1)
    if (next >= jobs.length) return
    const job = jobs[next]!
    try {
      const missing = job.memory - memory.buffer.byteLength
      if (missing > 0) memory.grow(Math.ceil(missing / 65536))
      for (const { shared, offset, bytes, address } of job.inputs)
        new Uint8Array(memory.buffer, address, bytes).set(new Uint8Array(shared, offset, bytes))
      kernel[job.call]!(...job.args)
      for (const { shared, offset, bytes, address, times = 1, step = 0, sharedStep = 0 } of job.outputs)
        for (let i = 0; i < times; i++)
          new Uint8Array(shared, offset + i * sharedStep, bytes).set(
            new Uint8Array(memory.buffer, address + i * step, bytes),
          )
    } catch {
      Atomics.add(state, 2, 1)
    }
    Atomics.store(state, 3 + next, 1)
    Atomics.notify(state, 3 + next)
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
  parentPort.on('message', ({ jobs, state }) => run(jobs, state, memory, exports))
`
