import { RagError } from '../errors'
import { kernelBase64 } from './kernel'

/** Which code does the dot products; their integer results are equal. */
export type ScanKernel = 'wasm' | 'js'

/** Rows of int8 and their dot products with a query of int16. */
export interface Scan {
  readonly kernel: ScanKernel
  /**
   * Makes room for `count` more rows, so that adding them cannot fail.
   *
   * @throws RagError (`store`) when there is no such room
   */
  reserve(count: number): void
  /** Appends a row of as many values as the scan has dimensions. */
  push(row: Int8Array): void
  /** Dot product of every row with `query`, [rows] int32; valid until the next call of anything here. */
  dots(query: Int16Array): Int32Array
}

/** Longest vectors that fit beside the rows. */
export const mostDimensions = 65_536

/** Bytes before the rows: room for the query. */
const queryBytes = 2 * mostDimensions
const pageBytes = 65_536

/** An empty scan for rows of `dimensions` values, by WebAssembly where that runs with SIMD and is not turned off. */
export function int8Scan(dimensions: number, kernel?: ScanKernel): Scan {
  if (kernel === 'js') return jsScan(dimensions)
  try {
    return wasmScan(dimensions)
  } catch (error) {
    if (kernel === 'wasm') throw error
    return jsScan(dimensions)
  }
}

/** Rows lie one after the other in WebAssembly memory, padded with zeros to a multiple of 16; results follow them. */
function wasmScan(dimensions: number): Scan {
  const stride = 16 * Math.ceil(dimensions / 16)
  const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly
  const memory = new Memory({ initial: queryBytes / pageBytes })
  const instance = new Instance(new Module(decoded(kernelBase64)), { env: { memory } })
  const { dots } = instance.exports
  let count = 0

  const ensure = (bytes: number): void => {
    const missing = bytes - memory.buffer.byteLength
    if (missing <= 0) return
    try {
      memory.grow(Math.ceil(Math.max(missing, memory.buffer.byteLength / 8) / pageBytes))
    } catch (cause) {
      throw new RagError(
        'store',
        `memoryStore: expected ${bytes} bytes of WebAssembly memory, got ${(cause as Error).message}. Split the data, or use a vector database.`,
        { operation: 'memoryStore', cause },
      )
    }
  }

  return {
    kernel: 'wasm',
    // A row's share of the results is 4 bytes.
    reserve: (more) => ensure(queryBytes + (count + more) * (stride + 4)),
    push(row) {
      const place = queryBytes + count * stride
      ensure(place + stride)
      new Int8Array(memory.buffer, place, row.length).set(row)
      count++
    },
    dots(query) {
      const out = queryBytes + count * stride
      ensure(out + 4 * count)
      // Results of an earlier, shorter scan may lie where padding is now; only the query's own padding must be zero.
      const place = new Int16Array(memory.buffer, 0, stride)
      place.fill(0)
      place.set(query)
      dots(0, queryBytes, count, stride, out)
      return new Int32Array(memory.buffer, out, count)
    },
  }
}

/** The part of the WebAssembly API used here; its types come with browsers' declarations only. */
interface Wasm {
  readonly Memory: new (options: { initial: number }) => { readonly buffer: ArrayBuffer; grow(pages: number): number }
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (
    module: object,
    imports: { readonly env: { readonly memory: object } },
  ) => { readonly exports: { dots(query: number, rows: number, count: number, stride: number, out: number): void } }
}

function decoded(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

function jsScan(dimensions: number): Scan {
  let rows = new Int8Array(dimensions * 64)
  let count = 0
  const reserve = (more: number): void => {
    if ((count + more) * dimensions > rows.length) rows = grown(rows, (count + more) * dimensions)
  }
  return {
    kernel: 'js',
    reserve,
    push(row) {
      reserve(1)
      rows.set(row, count++ * dimensions)
    },
    dots(query) {
      const out = new Int32Array(count)
      for (let r = 0, i = 0; r < count; r++) {
        let sum = 0
        for (let d = 0; d < dimensions; d++, i++) sum += Math.imul(query[d]!, rows[i]!)
        out[r] = sum
      }
      return out
    },
  }
}

function grown(rows: Int8Array, least: number): Int8Array<ArrayBuffer> {
  const larger = new Int8Array(Math.max(least, 2 * rows.length))
  larger.set(rows)
  return larger
}
