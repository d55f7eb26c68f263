/** A vector as whole numbers: `values` times `scale` is within `error` (Euclidean) of the original. */
export interface Quantised<T extends Int8Array | Int16Array> {
  readonly values: T
  readonly scale: number
  readonly error: number
}

/** `vector` in int8, its largest value at 127. */
export const quantiseRow = (vector: Float32Array): Quantised<Int8Array> =>
  quantise(vector, new Int8Array(vector.length), 127 / largest(vector))

/**
 * `vector` in int16, scaled so far up that its dot product with any row of int8 stays within int32: below 32,767 each
 * and below 2^31 / 127 in sum.
 */
export const quantiseQuery = (vector: Float32Array): Quantised<Int16Array> => {
  let sum = 0
  for (let i = 0; i < vector.length; i++) sum += Math.abs(vector[i]!)
  return quantise(vector, new Int16Array(vector.length), Math.min(32_767 / largest(vector), 16_000_000 / sum))
}

function largest(vector: Float32Array): number {
  let most = 0
  for (let i = 0; i < vector.length; i++) most = Math.max(most, Math.abs(vector[i]!))
  return most
}

function quantise<T extends Int8Array | Int16Array>(vector: Float32Array, values: T, factor: number): Quantised<T> {
  let squares = 0
  for (let i = 0; i < vector.length; i++) {
    values[i] = Math.round(vector[i]! * factor)
    squares += (vector[i]! - values[i]! / factor) ** 2
  }
  return { values, scale: 1 / factor, error: Math.sqrt(squares) }
}
