import { ChimedError } from '../errors'
import type { Banding } from './bands'
import { minHashKernelJs, mix32 } from './minhash-js'
import { minHashKernelWasm } from './minhash-wasm'

/** Signatures of texts, and where their bands agree. */
export interface Sketches {
  /** [texts × permutations]; may lie in shared memory. */
  readonly signatures: Uint32Array
  /** For each band the texts that have the key of an earlier one, ascending, each followed by the first text with that key; to be read once. */
  readonly repeats: Iterable<Uint32Array>
}

/**
 * Computes signatures and similarities; reuses its buffers, so a result must be copied before the next call where that is said. Dispose of it
 * when it has threads.
 */
export interface MinHashKernel extends Disposable {
  readonly permutations: number
  /** Writes the signature of the character n-grams of `text` to `out`. */
  signature(text: string, out: Uint32Array): void
  /** Writes the signature of a set given by 32-bit hashes of its items, such as words; hashes must be well mixed (`mix32`). */
  signatureOfHashes(hashes: Uint32Array, out: Uint32Array): void
  /** Signatures of a batch of texts, one after another: [texts × permutations]. Runs on all threads of the kernel. */
  signatures(texts: readonly string[]): Uint32Array
  /** Signatures of all texts together with the agreements of their bands, on all threads; absent where there is nothing faster than `bandKeys`. */
  sketch?(
    texts: readonly string[],
    options: { readonly banding: Banding; readonly onProgress?: ((done: number, total: number) => void) | undefined },
  ): Sketches
  /** Hashes of the n-grams of `text`, in order, repeats included. A view that the next call overwrites. */
  shingles(text: string): Uint32Array
  /** Jaccard similarity of the sets of n-grams of two texts, 1 for two empty ones. N-grams count as equal when their 32-bit hashes are. */
  similarity(a: string, b: string): number
  /** The same for sets given by hashes of their items; repeats do not count. */
  similarityOfHashes(a: Uint32Array, b: Uint32Array): number
  /** Similarities of many pairs on all threads, texts given by index, two a pair; absent where there is one thread. */
  similarities?(text: (index: number) => string, pairs: ArrayLike<number>): Float64Array
}

/** Options of `minHash`. */
export interface MinHashOptions {
  /** Permutations, a multiple of 16 (default 128): the standard error of an estimate is at most 0.5 / sqrt(permutations). */
  readonly permutations?: number | undefined
  /** Characters (code points) of a shingle (default 5). */
  readonly n?: number | undefined
  /** Chooses the permutations (default 1). */
  readonly seed?: number | undefined
  /** Threads that share batches (default 1); the signatures are the same for any number. */
  readonly threads?: number | undefined
  /** `wasm` where SIMD is there (default), or plain JavaScript; both give the same bits. */
  readonly backend?: 'auto' | 'wasm' | 'js' | undefined
}

/**
 * A kernel for signatures of texts over character n-grams: minimum over the n-grams of a·h + b modulo 2^32, h the mixed hash of the n-gram
 * (datasketch's scheme `affine32` over another item hash).
 *
 * @throws ChimedError `option` when `permutations` is no positive multiple of 16 or `threads` no positive whole number
 */
export function minHash(options: MinHashOptions = {}): MinHashKernel {
  const { permutations = 128, n = 5, seed = 1, threads = 1, backend = 'auto' } = options
  if (!Number.isInteger(threads) || threads < 1)
    throw new ChimedError(
      'option',
      `minHash: expected threads as a positive whole number, got ${threads}. Give the number of cores to use.`,
    )
  if (permutations <= 0 || permutations % 16 !== 0)
    throw new ChimedError(
      'option',
      `minHash: expected permutations as a positive multiple of 16, got ${permutations}. Use 64, 128 or 256.`,
    )
  const factors = affinePermutations(permutations, seed)
  if (backend === 'js') return minHashKernelJs({ ...factors, n })
  try {
    return minHashKernelWasm({ ...factors, n, threads })
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
