import { RagError, shown } from '../errors'

/**
 * `vector` divided by its length, in float32.
 *
 * @throws RagError (`embedding`) for a wrong number of values, a value that is no finite number, or a vector of zeros
 */
export function normalised(operation: string, vector: Float32Array, dimensions: number, id?: string): Float32Array {
  const of = id === undefined ? 'the vector' : `the vector of ${shown(id)}`
  if (vector.length !== dimensions)
    throw new RagError(
      'embedding',
      `${operation}: expected ${of} to have ${dimensions} values, got ${vector.length}. Use one embedder for everything in a store.`,
      { operation, id },
    )
  const length = Math.sqrt(dot(vector, vector))
  if (!Number.isFinite(length) || length === 0)
    throw new RagError(
      'embedding',
      `${operation}: expected ${of} to have a finite length above 0, got ${length}. Check the embedder and the text.`,
      { operation, id },
    )
  const unit = new Float32Array(dimensions)
  for (let i = 0; i < dimensions; i++) unit[i] = vector[i]! / length
  return unit
}

/** Sum of products, in float64 and in order. */
export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
