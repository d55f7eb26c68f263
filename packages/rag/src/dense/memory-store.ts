import type { Document } from '../documents/document'
import { refuseSplits } from '../documents/split-guard'
import { numberWithin, wholeNumber } from '../errors'
import type { Hit } from '../retriever'
import { topK } from '../top-k'
import { dot, normalised } from './normalise'
import { type Quantised, quantiseQuery, quantiseRow } from './quantise'
import { int8Scan, mostDimensions, type ScanKernel } from './scan'
import type { VectorSearchOptions, VectorStore, Where } from './vector-store'

/** Options of `memoryStore`. */
export interface MemoryStoreOptions {
  readonly dimensions: number
  /** Code of the first pass; by default WebAssembly where it runs. Results do not depend on it. */
  readonly kernel?: ScanKernel | undefined
}

/**
 * An exact flat store in memory: 5 bytes a value, every search looks at every vector.
 *
 * The first pass compares int8 copies of the vectors with the query, 16 values at a time. How far such a product can be
 * from the true one is known from the rounding of each vector (Cauchy–Schwarz), so the second pass computes the float64
 * product of the float32 vectors only for those that can still be among the best `k`. Nothing is approximate: scores and
 * order are those of comparing everything in float64, on every machine.
 */
export function memoryStore({ dimensions, kernel }: MemoryStoreOptions): VectorStore {
  numberWithin('memoryStore', 'dimensions', wholeNumber('memoryStore', 'dimensions', dimensions, 1), 1, mostDimensions)
  const scan = int8Scan(dimensions, kernel)
  const rows: Rows = { documents: [], vectors: [], scales: [], errors: [] }
  const places = new Map<string, number>()

  /** Takes a record out of every later search; its row stays, as a gap. */
  const drop = (id: string): boolean => {
    const place = places.get(id)
    if (place === undefined) return false
    rows.scales[place] = Number.NaN
    return places.delete(id)
  }

  return {
    dimensions,
    async add(records) {
      refuseSplits(
        'memoryStore',
        records.map(({ document }) => document),
      )
      const units = records.map(({ document, vector }) => normalised('memoryStore', vector, dimensions, document.id))
      scan.reserve(units.length)
      units.forEach((unit, i) => {
        const { document } = records[i]!
        const { values, scale, error } = quantiseRow(unit)
        drop(document.id)
        scan.push(values)
        places.set(document.id, rows.documents.push(document) - 1)
        rows.vectors.push(unit)
        rows.scales.push(scale)
        rows.errors.push(error)
      })
    },
    async search(vector, options) {
      options.signal?.throwIfAborted()
      const k = wholeNumber('memoryStore', 'k', options.k, 0)
      const unit = normalised('memoryStore', vector, dimensions)
      const query = quantiseQuery(unit)
      return exact(rows, unit, inReach(rows, scan.dots(query.values), query, { ...options, k }), k)
    },
    remove: async (ids) => ids.filter(drop).length,
    count: async () => places.size,
  }
}

/** The stored vectors, one place each. */
interface Rows {
  readonly documents: Document[]
  /** Of length 1. */
  readonly vectors: Float32Array[]
  /** Worth of 1 in the int8 copy; NaN, which ranks below everything, once the record is removed. */
  readonly scales: number[]
  /** Distance between a vector and its int8 copy. */
  readonly errors: number[]
}

/** More than the rounding of a bound, which is a few operations on numbers of about 1. */
const rounding = 1e-9

/** Rows whose product with the query may be among the `k` largest: upper bound at least the `k`-th largest lower bound. */
function inReach(
  { documents, scales, errors }: Rows,
  products: Int32Array,
  query: Quantised<Int16Array>,
  { k, where }: VectorSearchOptions,
): number[] {
  const lower = new Float64Array(scales.length)
  const upper = new Float64Array(scales.length)
  for (let r = 0; r < scales.length; r++) {
    const estimate = products[r]! * scales[r]! * query.scale
    const doubt = errors[r]! + query.error * (1 + errors[r]!) + rounding
    lower[r] = estimate - doubt
    upper[r] = estimate + doubt
  }
  if (where !== undefined)
    documents.forEach((document, r) => {
      if (!matches(document, where)) lower[r] = upper[r] = Number.NaN
    })
  const best = topK(lower, k)
  const bar = best.length === k && k > 0 ? lower[best[k - 1]!]! : -Infinity
  const reached: number[] = []
  for (let r = 0; r < upper.length; r++) if (upper[r]! >= bar) reached.push(r)
  return reached
}

const matches = ({ metadata }: Document, where: Where): boolean =>
  Object.entries(where).every(([name, value]) => metadata[name] === value)

function exact({ documents, vectors }: Rows, query: Float32Array, reached: readonly number[], k: number): Hit[] {
  const scores = Float64Array.from(reached, (r) => dot(query, vectors[r]!))
  return topK(scores, k).map((i) => ({ ...documents[reached[i]!]!, score: scores[i]! }))
}
