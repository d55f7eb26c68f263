/** A matrix in 4-bit NormalFloat: value k is `levels[code k] · scales[⌊k / block⌋]`, two codes in a byte, the first one high. */
export interface Nf4Matrix {
  /** [⌈size / 2⌉] */
  readonly packed: Uint8Array
  /** [⌈size / block⌉], largest magnitude of each block */
  readonly scales: Float32Array
}

/** The 16 values between −1 and 1 of 4-bit NormalFloat (Dettmers et al. 2023, appendix E), as in bitsandbytes. */
export const nf4Levels: readonly number[] = [
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
  -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
  0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
]

/** Halfway between neighbouring levels; a value on one of them takes the lower level. */
const midpoints = Float32Array.from(
  nf4Levels.slice(1),
  (level, i) => Math.fround(Math.fround(level) + Math.fround(nf4Levels[i]!)) / 2,
)

/** The nearest of the 16 levels for each value, relative to the largest magnitude of its block of the flattened matrix. */
export const quantizeNf4 = (weight: Float32Array, block: number): Nf4Matrix => {
  const packed = new Uint8Array(Math.ceil(weight.length / 2)).fill(zeroPair)
  const scales = new Float32Array(Math.ceil(weight.length / block))
  for (let b = 0; b < scales.length; b++) {
    const begin = b * block
    const end = Math.min(begin + block, weight.length)
    for (let k = begin; k < end; k++) scales[b] = Math.max(scales[b]!, Math.abs(weight[k]!))
    const scale = scales[b] || 1
    for (let k = begin; k < end; k++) setCode(packed, k, nearest(Math.fround(weight[k]! / scale)))
  }
  return { packed, scales }
}

const zeroPair = 0x77

const nearest = (value: number): number => {
  let code = 0
  while (code < 15 && midpoints[code]! < value) code++
  return code
}

const setCode = (packed: Uint8Array, index: number, code: number): void => {
  const byte = packed[index >> 1]!
  packed[index >> 1] = index & 1 ? (byte & 0xf0) | code : (byte & 0x0f) | (code << 4)
}

/** Codes of the flattened matrix, 0 to 15. */
export const nf4Codes = (packed: Uint8Array, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, k) => (packed[k >> 1]! >> (k & 1 ? 0 : 4)) & 15)

/** The flattened matrix that packed codes and scales stand for, in float32. */
export const dequantizeNf4 = ({ packed, scales }: Nf4Matrix, size: number, block: number): Float32Array =>
  Float32Array.from(nf4Codes(packed, size), (code, k) => Math.fround(nf4Levels[code]!) * scales[Math.floor(k / block)]!)
