/**
 * Values of bfloat16 bit patterns as float32, exact for every pattern.
 *
 * @param bits  raw bfloat16
 * @param out   array to fill, as long as `bits`; a new one by default
 */
export const bfloat16ToFloat32 = (bits: Uint16Array, out = new Float32Array(bits.length)): Float32Array => {
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length)
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16
  return out
}

/**
 * Values of float16 bit patterns as float32, exact for every pattern (NaN payloads are kept).
 *
 * @param bits  raw float16
 * @param out   array to fill, as long as `bits`; a new one by default
 */
export const float16ToFloat32 = (bits: Uint16Array, out = new Float32Array(bits.length)): Float32Array => {
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length)
  for (let i = 0; i < bits.length; i++) {
    const half = bits[i]!
    const sign = (half & 0x8000) << 16
    const magnitude = half & 0x7fff
    if (magnitude >= 0x7c00) words[i] = sign | 0x7f800000 | (magnitude << 13)
    else if (magnitude >= 0x0400) words[i] = sign | ((magnitude << 13) + 0x38000000)
    else out[i] = (sign === 0 ? magnitude : -magnitude) * 2 ** -24 // zero and subnormals: multiples of 2^-24
  }
  return out
}

/**
 * bfloat16 bit patterns nearest to float32 values, ties to even; NaN stays a quiet NaN.
 *
 * @param values  float32
 * @param out     array to fill, as long as `values`; a new one by default
 */
export const float32ToBfloat16 = (values: Float32Array, out = new Uint16Array(values.length)): Uint16Array => {
  const words = wordsOf(values)
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    out[i] = (word & 0x7fffffff) > 0x7f800000 ? (word >>> 16) | 0x0040 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
  }
  return out
}

/**
 * float16 bit patterns nearest to float32 values, ties to even; beyond 65504 becomes infinite, NaN stays a quiet NaN.
 *
 * @param values  float32
 * @param out     array to fill, as long as `values`; a new one by default
 */
export const float32ToFloat16 = (values: Float32Array, out = new Uint16Array(values.length)): Uint16Array => {
  const words = wordsOf(values)
  for (let i = 0; i < words.length; i++) out[i] = halfOfWord(words[i]!)
  return out
}

const halfOfWord = (word: number): number => {
  const sign = (word >>> 16) & 0x8000
  const magnitude = word & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff)
  if (magnitude >= 0x477ff000) return sign | 0x7c00 // 65520 and more round to infinity
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
  return sign | subnormalHalf(magnitude)
}

/** Rounds a magnitude below 2^-14 to a multiple of 2^-24. */
const subnormalHalf = (magnitude: number): number => {
  const shift = 126 - (magnitude >>> 23) // bits of the 24-bit significand that fall below 2^-24
  if (shift > 24) return 0
  const significand = (magnitude & 0x7fffff) | 0x800000
  const kept = significand >>> shift
  const rest = significand - kept * 2 ** shift
  const half = 2 ** (shift - 1)
  return kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0)
}

/** The bits of float32 values, without copying. */
const wordsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length)
