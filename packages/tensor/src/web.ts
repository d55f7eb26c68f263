export { type WebRuntimeOptions, webRuntime } from './runtimes/web'
export { type OpenedSafetensors, type OpenOptions, openSafetensors, type SafetensorsSource } from './safetensors/open'
