import { roundHalfEven } from './rounding'

/** A matrix in 8 bits: element [o, i] is its code times the scale of its output (or of its input). */
export interface Int8Matrix {
  /** [out, in], −127 to 127 */
  readonly codes: Int8Array
  /** [out], or [in] where inputs have the scales */
  readonly scales: Float32Array
}

/**
 * A matrix rounded to 8 bits with one scale for each output: its largest magnitude / 127, so that the error of an element
 * is at most half a scale. Zeros alone have scale 1. Arithmetic in float32, ties to even.
 *
 * @param weight  [out, in], row-major
 * @param outputs number of rows
 */
export const quantizeInt8 = (weight: Float32Array, outputs: number): Int8Matrix => {
  const inputs = outputs === 0 ? 0 : weight.length / outputs
  const codes = new Int8Array(weight.length)
  const scales = new Float32Array(outputs)
  for (let o = 0; o < outputs; o++) {
    const [begin, end] = [o * inputs, (o + 1) * inputs]
    let most = 0
    for (let k = begin; k < end; k++) most = Math.max(most, Math.abs(weight[k]!))
    const scale = scaleOf(most)
    scales[o] = scale
    for (let k = begin; k < end; k++) codes[k] = codeOf(weight[k]!, scale)
  }
  return { codes, scales }
}

/** The same with one scale for each input, for products that sum over the outputs: those of gradients. */
export const quantizeInt8Inputs = (weight: Float32Array, outputs: number): Int8Matrix => {
  const inputs = outputs === 0 ? 0 : weight.length / outputs
  const codes = new Int8Array(weight.length)
  const scales = new Float32Array(inputs)
  for (let k = 0, i = 0; k < weight.length; k++, i = i + 1 === inputs ? 0 : i + 1)
    scales[i] = Math.max(scales[i]!, Math.abs(weight[k]!))
  for (let i = 0; i < inputs; i++) scales[i] = scaleOf(scales[i]!)
  for (let k = 0, i = 0; k < weight.length; k++, i = i + 1 === inputs ? 0 : i + 1)
    codes[k] = codeOf(weight[k]!, scales[i]!)
  return { codes, scales }
}

const scaleOf = (magnitude: number): number => Math.fround(magnitude / 127) || 1

/** Subnormal scales are coarse: only they make the bounds matter. */
const codeOf = (value: number, scale: number): number =>
  Math.max(-127, Math.min(roundHalfEven(Math.fround(value / scale)), 127))

/** The matrix [out, in] that codes and scales of outputs stand for, in float32. */
export const dequantizeInt8 = ({ codes, scales }: Int8Matrix): Float32Array => {
  const inputs = scales.length === 0 ? 0 : codes.length / scales.length
  const weight = new Float32Array(codes.length)
  scales.forEach((scale, o) => {
    for (let k = o * inputs; k < (o + 1) * inputs; k++) weight[k] = codes[k]! * scale
  })
  return weight
}

/**
 * The codes [out, in] with the two axes exchanged, a tile of outputs at a time: [in, tile] for each, one after the other.
 * Tiles keep a range of outputs in one piece, which is how a vocabulary is walked.
 *
 * @param tile outputs in a tile; the last one may have fewer
 */
export const transposeTiles = (codes: Int8Array, outputs: number, tile: number): Int8Array => {
  const inputs = outputs === 0 ? 0 : codes.length / outputs
  const result = new Int8Array(codes.length)
  for (let first = 0; first < outputs; first += tile) {
    const width = Math.min(tile, outputs - first)
    const range = [first * inputs, (first + width) * inputs] as const
    transpose(result.subarray(...range), codes.subarray(...range), [width, inputs])
  }
  return result
}

/** The other way round: codes [out, in] from tiles [in, tile]. */
export const untransposeTiles = (tiles: Int8Array, outputs: number, tile: number): Int8Array => {
  const inputs = outputs === 0 ? 0 : tiles.length / outputs
  const result = new Int8Array(tiles.length)
  for (let first = 0; first < outputs; first += tile) {
    const width = Math.min(tile, outputs - first)
    const range = [first * inputs, (first + width) * inputs] as const
    transpose(result.subarray(...range), tiles.subarray(...range), [inputs, width])
  }
  return result
}

/** Side of the squares in which a matrix is transposed, so that both sides stay in the cache. */
const square = 64

const transpose = (target: Int8Array, source: Int8Array, [rows, columns]: readonly [number, number]): void => {
  for (let r0 = 0; r0 < rows; r0 += square)
    for (let c0 = 0; c0 < columns; c0 += square) {
      const [r1, c1] = [Math.min(r0 + square, rows), Math.min(c0 + square, columns)]
      for (let r = r0; r < r1; r++) for (let c = c0; c < c1; c++) target[c * rows + r] = source[r * columns + c]!
    }
}
