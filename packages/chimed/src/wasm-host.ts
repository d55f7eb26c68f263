/** Linear memory of a WebAssembly instance. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer
  /** Adds pages of 64 KiB; views over the old buffer become empty. */
  grow(pages: number): number
}

/** What Node and browsers offer; Node's types have no values for it. */
interface WasmHost {
  readonly Memory: new (options: { initial: number }) => WasmMemory
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown }
}

/** An instance of a kernel embedded as base64, over a memory of its own. */
export function instantiate<E>(base64: string, pages = 4): { readonly memory: WasmMemory; readonly exports: E } {
  const host = (globalThis as unknown as { WebAssembly: WasmHost }).WebAssembly
  const memory = new host.Memory({ initial: pages })
  const module = new host.Module(Buffer.from(base64, 'base64'))
  return { memory, exports: new host.Instance(module, { env: { memory } }).exports as E }
}
