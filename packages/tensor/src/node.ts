export { type NodeRuntimeOptions, nodeRuntime } from './runtimes/node'
