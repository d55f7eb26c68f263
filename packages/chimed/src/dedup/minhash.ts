import { ChimedError } from '../errors'
import { instantiate } from '../wasm-host'
import { minhashWasm } from './minhash.wasm'
import { minHashKernelJs, mix32 } from './minhash-js'

/** Computes signatures; reuses its buffers, so a result must be copied before the next call where that is said. */
export interface MinHashKernel {
  /** Writes the signature of the character n-grams of `text` to `out`. */
  signature(text: string, out: Uint32Array): void
  /** Writes the signature of a set given by 32-bit hashes of its items, such as words; hashes must be well mixed (`mix32`). */
  signatureOfHashes(hashes: Uint32Array, out: Uint32Array): void
  /** Hashes of the n-grams of `text`, in order, repeats included. A view that the next call overwrites. */
  shingles(text: string): Uint32Array
}

/** Options of `minHash`. */
export interface MinHashOptions {
  /** Permutations, a multiple of 16 (default 128): the standard error of an estimate is at most 0.5 / sqrt(permutations). */
  readonly permutations?: number | undefined
  /** Characters (code points) of a shingle (default 5). */
  readonly n?: number | undefined
  /** Chooses the permutations (default 1). */
  readonly seed?: number | undefined
  /** `wasm` where SIMD is there (default), or plain JavaScript; both give the same bits. */
  readonly backend?: 'auto' | 'wasm' | 'js' | undefined
}

/**
 * Signatures of texts over character n-grams: minimum over the n-grams of a·h + b modulo 2^32, h the mixed hash of the n-gram
 * (datasketch's scheme `affine32` over another item hash).
 *
 * @throws ChimedError `option` when `permutations` is no positive multiple of 16
 */
export function minHash({ permutations = 128, n = 5, seed = 1, backend = 'auto' }: MinHashOptions = {}): MinHashKernel {
  if (permutations <= 0 || permutations % 16 !== 0)
    throw new ChimedError(
      'option',
      `minHash: expected permutations as a positive multiple of 16, got ${permutations}. Use 64, 128 or 256.`,
    )
  const factors = affinePermutations(permutations, seed)
  if (backend === 'js') return minHashKernelJs({ ...factors, n })
  try {
    return wasmKernel({ ...factors, n })
  } catch (cause) {
    if (backend === 'wasm')
      throw new ChimedError('dependency', 'minHash: expected WebAssembly with SIMD, got none. Use the backend js.', {
        cause,
      })
    return minHashKernelJs({ ...factors, n })
  }
}

/** Factors (odd, so that each is a permutation) and terms drawn from `seed`. */
export function affinePermutations(count: number, seed: number): { readonly a: Uint32Array; readonly b: Uint32Array } {
  const draw = (index: number): number => mix32(Math.imul(seed, 0x9e3779b9) + Math.imul(index + 1, 0x85ebca77))
  return {
    a: Uint32Array.from({ length: count }, (_, i) => draw(2 * i) | 1),
    b: Uint32Array.from({ length: count }, (_, i) => draw(2 * i + 1)),
  }
}

/** The share of equal places of two signatures: an unbiased estimate of the Jaccard similarity of the two sets. */
export function estimateJaccard(a: Uint32Array, b: Uint32Array): number {
  let equal = 0
  for (let i = 0; i < a.length; i++) if (a[i] === b[i]) equal++
  return equal / a.length
}

interface Exports {
  shingles(text: number, units: number, points: number, n: number): number
  minima(hashes: number, count: number, a: number, b: number, permutations: number, out: number): void
}

function wasmKernel({
  a,
  b,
  n,
}: {
  readonly a: Uint32Array
  readonly b: Uint32Array
  readonly n: number
}): MinHashKernel {
  const { memory, exports: kernel } = instantiate<Exports>(minhashWasm)
  const bytes = a.length * 4
  const [factors, terms, result, work] = [0, bytes, 2 * bytes, 3 * bytes]
  let buffer = Buffer.from(memory.buffer)
  new Uint32Array(memory.buffer, factors, a.length).set(a)
  new Uint32Array(memory.buffer, terms, a.length).set(b)

  /** Makes room for `needed` bytes of work and gives the buffer over the memory. */
  function reserve(needed: number): Buffer {
    const missing = work + needed - memory.buffer.byteLength
    if (missing > 0) {
      memory.grow(Math.ceil(missing / 65536) + 16)
      buffer = Buffer.from(memory.buffer)
    }
    return buffer
  }

  /** Hashes lie first, the text behind them: a text has at most as many n-grams as units. */
  function shingles(text: string): number {
    const points = text.length * 4
    reserve(points + text.length * 2).write(text, work + points, 'utf16le')
    return kernel.shingles(work + points, text.length, work, n)
  }

  function minima(count: number, out: Uint32Array): void {
    kernel.minima(work, count, factors, terms, a.length, result)
    out.set(new Uint32Array(memory.buffer, result, a.length).subarray(0, out.length))
  }

  return {
    signature: (text, out) => minima(shingles(text), out),
    signatureOfHashes: (hashes, out) => {
      reserve(hashes.length * 4)
      new Uint32Array(memory.buffer, work, hashes.length).set(hashes)
      minima(hashes.length, out)
    },
    shingles: (text) => {
      const count = shingles(text)
      return new Uint32Array(memory.buffer, work, count)
    },
  }
}
