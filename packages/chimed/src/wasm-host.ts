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

/** An instance of a kernel and its memory. */
export interface WasmInstance<E> {
  readonly memory: WasmMemory
  readonly exports: E
}

/** A kernel embedded as base64, compiled: the module, which other threads can take, and a function that makes instances of it. */
export function compile(base64: string): {
  readonly module: object
  instantiate<E>(pages: number): WasmInstance<E>
} {
  const host = (globalThis as unknown as { WebAssembly: WasmHost }).WebAssembly
  const module = new host.Module(Buffer.from(base64, 'base64'))
  return {
    module,
    instantiate: <E>(pages: number) => {
      const memory = new host.Memory({ initial: pages })
      return { memory, exports: new host.Instance(module, { env: { memory } }).exports as E }
    },
  }
}

/** An instance of a kernel embedded as base64, over a memory of its own. */
export const instantiate = <E>(base64: string, pages = 4): WasmInstance<E> => compile(base64).instantiate<E>(pages)
