import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Worker, type WorkerOptions } from 'node:worker_threads'
import { TensorError } from '../errors'
import type { Runtime } from '../runtime'
import type { NodeRuntimeOptions } from './node'
import { nodeModel } from './node-model'
import { runtimeOn } from './runtime-on'
import { workerHost } from './worker-host'
import type { WorkerStart } from './worker-messages'

/** Options of `workerRuntime`. */
export interface WorkerRuntimeOptions extends NodeRuntimeOptions {
  /**
   * Calls that are copied to the worker at a time; default 2, so that it never waits for the main thread. Further calls
   * wait here, in their order, and hold nothing but their arguments.
   */
  readonly queue?: number
}

/**
 * A runtime on `onnxruntime-node` in a thread of its own, which keeps sessions, parameters and optimiser state: token ids
 * go in, scalars come out, and timers of this thread go on while a step runs. `dispose` ends the thread.
 *
 * @throws TensorError `argument` for a queue below 1; `crashed` when the thread cannot start, or from calls when it ends
 *   by itself
 */
export const workerRuntime = async ({ queue = 2, ...options }: WorkerRuntimeOptions = {}): Promise<Runtime> => {
  if (!Number.isInteger(queue) || queue < 1)
    throw new TensorError(
      'argument',
      `workerRuntime: queue must be an integer of at least 1, got ${queue}. Leave it out for 2.`,
      { argument: 'queue' },
    )
  const { provider = 'cpu' } = options
  const flags = new Int32Array(new SharedArrayBuffer(4 * queue))
  const host = await workerHost(startWorker({ workerData: { flags, provider } satisfies WorkerStart }), flags)
  return runtimeOn(
    `worker-${provider}`,
    { ...host, load: (program, loading) => host.load(nodeModel(program, options, loading), loading) },
    { atOnce: queue },
  )
}

/** Starts the program beside this file: in the package as JavaScript, in the repository as TypeScript with its loader. */
const startWorker = (options: WorkerOptions): Worker => {
  const file = import.meta.url.replace(/[^/]*(\.\w+)$/, 'worker-main$1')
  if (!file.endsWith('.ts')) return new Worker(new URL(file), { ...options, execArgv: [] })
  const loader = createRequire(file).resolve('tsx/cjs')
  const program = [loader, fileURLToPath(file)].map((path) => `require(${JSON.stringify(path)})`).join('\n')
  return new Worker(program, { ...options, eval: true, execArgv: [] })
}
