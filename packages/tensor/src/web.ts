export { type WebRuntimeOptions, webRuntime } from './runtimes/web'
