import type { Runtime } from '../runtime'
import { nodeHost } from './node-host'
import { nodeModel } from './node-model'
import { runtimeOn } from './runtime-on'

/** Options of `nodeRuntime` and `workerRuntime`. */
export interface NodeRuntimeOptions {
  /** Threads of one operation (default: ONNX Runtime's choice, the physical cores). */
  readonly threads?: number
  /** Execution provider: `cpu` (default), or `webgpu`, whose missing kernels run on the CPU. */
  readonly provider?: 'cpu' | 'webgpu'
  /** Folder for ONNX Runtime's profiles, one file per program; undefined for none. */
  readonly profileFolder?: string
}

/**
 * A runtime on `onnxruntime-node` in this thread. A running program blocks the event loop; `workerRuntime` does not.
 */
export const nodeRuntime = async (options: NodeRuntimeOptions = {}): Promise<Runtime> => {
  const { provider = 'cpu' } = options
  const host = await nodeHost(provider)
  return runtimeOn(`node-${provider}`, {
    ...host,
    load: (program, loading) => host.load(nodeModel(program, options, loading), loading),
  })
}
