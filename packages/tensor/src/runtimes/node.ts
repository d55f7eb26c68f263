import type { Runtime } from '../runtime'
import { nodeModel } from './node-model'
import { ortHost } from './ort-host'
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
  const host = ortHost(await import('onnxruntime-node'), { writesInto: true })
  return runtimeOn(`node-${options.provider ?? 'cpu'}`, {
    ...host,
    load: (program, loading) => host.load(nodeModel(program, options, loading), loading),
  })
}
