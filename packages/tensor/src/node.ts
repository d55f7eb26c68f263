export { saveModel } from './onnx/save'
export { type NodeRuntimeOptions, nodeRuntime } from './runtimes/node'
export { type WorkerRuntimeOptions, workerRuntime } from './runtimes/worker'
export { writeWholeFile } from './whole-file'
