import { roundHalfEven } from './rounding'

/** A matrix in 4 bits: element [o, i] is `(code − 8) · scales[o, ⌊i / block⌋]`, two codes in a byte, the first one low. */
export interface Int4Matrix {
  /** [out, blocks, block / 2]; a last block that is not full ends in codes of zero. */
  readonly packed: Uint8Array
  /** [out, blocks] */
  readonly scales: Float32Array
}

/**
 * How a block of values gets its scale. `signed`: the value of largest magnitude / −8, sign included, so that it has an
 * exact code (ONNX Runtime's symmetric quantiser; 16 levels). `absmax`: largest magnitude / 7 (15 levels).
 */
export type Int4Scheme = 'signed' | 'absmax'

/** Size and scheme of a matrix in 4 bits. */
export interface Int4Options {
  /** Rows of the matrix. */
  readonly outputs: number
  /** Values that share a scale, along a row; an even number. */
  readonly block: number
  /** Default `signed`, which loses less. */
  readonly scheme?: Int4Scheme
}

/**
 * A matrix rounded to 4 bits with a scale for each block of a row. Arithmetic in float32, ties to even.
 *
 * @param weight [out, in], row-major
 */
export const quantizeInt4 = (weight: Float32Array, { outputs, block, scheme = 'signed' }: Int4Options): Int4Matrix => {
  const inputs = outputs === 0 ? 0 : weight.length / outputs
  const blocks = Math.ceil(inputs / block)
  const packed = new Uint8Array((outputs * blocks * block) / 2).fill(zeroPair)
  const scales = new Float32Array(outputs * blocks)
  const { scaleOf, codesOf } = schemes[scheme]
  for (let o = 0; o < outputs; o++)
    for (let b = 0; b < blocks; b++) {
      const values = weight.subarray(o * inputs + b * block, o * inputs + Math.min((b + 1) * block, inputs))
      const at = o * blocks + b
      scales[at] = scaleOf(extremeOf(values))
      const codeOf = codesOf(scales[at]!)
      values.forEach((value, i) => {
        setCode(packed, at * block + i, codeOf(value) + zeroCode)
      })
    }
  return { packed, scales }
}

const zeroCode = 8
const zeroPair = zeroCode | (zeroCode << 4)

/** The first value of largest magnitude. */
const extremeOf = (values: Float32Array): number => {
  let extreme = 0
  for (const value of values) if (Math.abs(value) > Math.abs(extreme)) extreme = value
  return extreme
}

const schemes = {
  absmax: {
    scaleOf: (extreme: number) => Math.fround(Math.abs(extreme) / 7) || 1,
    codesOf: (scale: number) => (value: number) => Math.max(-7, Math.min(roundHalfEven(Math.fround(value / scale)), 7)),
  },
  signed: {
    scaleOf: (extreme: number) => Math.fround(extreme / -8),
    codesOf: (scale: number) => {
      const inverse = scale === 0 ? 0 : Math.fround(1 / scale) // multiplied, as ONNX Runtime does
      return (value: number) => Math.max(-8, Math.min(roundHalfEven(Math.fround(value * inverse)), 7))
    },
  },
} as const

const setCode = (packed: Uint8Array, index: number, code: number): void => {
  const byte = packed[index >> 1]!
  packed[index >> 1] = index & 1 ? (byte & 0x0f) | (code << 4) : (byte & 0xf0) | code
}

/** Codes [out, in], −8 to 7. */
export const int4Codes = (packed: Uint8Array, { outputs, inputs, block }: Int4Shape): Int8Array => {
  const row = Math.ceil(inputs / block) * block
  return Int8Array.from({ length: outputs * inputs }, (_, k) => {
    const index = Math.floor(k / inputs) * row + (k % inputs)
    return ((packed[index >> 1]! >> (index & 1 ? 4 : 0)) & 15) - zeroCode
  })
}

/** Size of a matrix in blocks. */
export interface Int4Shape {
  readonly outputs: number
  readonly inputs: number
  readonly block: number
}

/** The matrix [out, in] that packed codes and scales stand for, in float32. */
export const dequantizeInt4 = ({ packed, scales }: Int4Matrix, shape: Int4Shape): Float32Array => {
  const { inputs, block } = shape
  const blocks = Math.ceil(inputs / block)
  return Float32Array.from(int4Codes(packed, shape), (code, k) => {
    const row = Math.floor(k / inputs)
    return code * scales[row * blocks + Math.floor((k % inputs) / block)]!
  })
}
