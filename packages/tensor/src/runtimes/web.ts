import type { Runtime } from '../runtime'
import { ortHost } from './ort-host'
import type { Ort } from './ort-session'
import { runtimeOn } from './runtime-on'
import { webModel } from './web-model'

/** Options of `webRuntime`. */
export interface WebRuntimeOptions {
  /** `wasm` (default): WebAssembly on the CPU. `webgpu`: the GPU, and WebAssembly for what it lacks. */
  readonly provider?: 'wasm' | 'webgpu'
  /** Threads of WebAssembly (default: the library's choice); more than one needs a cross-origin isolated page. */
  readonly threads?: number
  /**
   * Folder with the library's `.wasm` and `.mjs` files, ending in `/`: an address, or a path from that of the page.
   * Default: beside the library's script.
   */
  readonly files?: string
}

/**
 * A runtime on `onnxruntime-web`, an optional peer dependency, in this page or worker. A program on `wasm` blocks its
 * thread: open the runtime in a worker of the page to keep the page responsive.
 */
export const webRuntime = async (options: WebRuntimeOptions = {}): Promise<Runtime> => {
  const { provider = 'wasm', threads, files } = options
  const ort = await (provider === 'webgpu' ? import('onnxruntime-web/webgpu') : import('onnxruntime-web/wasm'))
  if (threads !== undefined) ort.env.wasm.numThreads = threads
  if (files !== undefined) ort.env.wasm.wasmPaths = absolute(files)
  const host = ortHost(
    ort as Ort,
    provider === 'webgpu'
      ? { results: 'on the GPU', modelOf: (program, carried) => webModel(program, { provider }, { carried }) }
      : { results: 'new arrays' },
  )
  return runtimeOn(`web-${provider}`, {
    ...host,
    load: (program, loading) => host.load(webModel(program, options, loading), loading),
  })
}

/** The library takes a path without a slash at its beginning for the name of a package. */
const absolute = (files: string): string => {
  const { location } = globalThis as { readonly location?: { readonly href: string } }
  return new URL(files, location?.href).href
}
