import { describe, expect, it } from 'vitest'
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './half'

const allPatterns = Uint16Array.from({ length: 65536 }, (_, i) => i)

/** Value of a bit pattern by the definition of the format. */
const byDefinition = (
  bits: number,
  { exponentBits, mantissaBits }: { exponentBits: number; mantissaBits: number },
): number => {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> mantissaBits) & (2 ** exponentBits - 1)
  const mantissa = bits & (2 ** mantissaBits - 1)
  const bias = 2 ** (exponentBits - 1) - 1
  if (exponent === 2 ** exponentBits - 1) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  if (exponent === 0) return sign * mantissa * 2 ** (1 - bias - mantissaBits)
  return sign * (1 + mantissa / 2 ** mantissaBits) * 2 ** (exponent - bias)
}

/** Random float32 bit patterns from a fixed multiplicative sequence, so that all exponents occur. */
const someFloats = (count: number): Float32Array => {
  const words = new Uint32Array(count)
  for (let i = 0, state = 12345; i < count; i++) words[i] = state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return new Float32Array(words.buffer)
}

const formats = [
  { name: 'bfloat16', widen: bfloat16ToFloat32, narrow: float32ToBfloat16, exponentBits: 8, mantissaBits: 7 },
  { name: 'float16', widen: float16ToFloat32, narrow: float32ToFloat16, exponentBits: 5, mantissaBits: 10 },
]

describe.each(formats)('$name', ({ widen, narrow, ...format }) => {
  it('widens all 65536 patterns to the value the format defines', () => {
    const values = widen(allPatterns)
    for (const bits of allPatterns)
      if (!Object.is(values[bits], byDefinition(bits, format))) expect.fail(`pattern ${bits}: ${values[bits]}`)
  })

  it('narrows each widened pattern back to itself, quieting NaN', () => {
    const back = narrow(widen(allPatterns))
    const quiet = 1 << (format.mantissaBits - 1)
    for (const bits of allPatterns) {
      const expected = Number.isNaN(byDefinition(bits, format)) ? bits | quiet : bits
      if (back[bits] !== expected) expect.fail(`pattern ${bits}: ${back[bits]}`)
    }
  })

  it('rounds to the nearest pattern, ties to even, at and around every midpoint', () => {
    const largest = (2 ** format.exponentBits - 1) * 2 ** format.mantissaBits - 1
    const words = new Uint32Array(1)
    const value = new Float32Array(words.buffer)
    for (let bits = 0; bits < largest; bits++) {
      const middle = (byDefinition(bits, format) + byDefinition(bits + 1, format)) / 2
      value[0] = middle
      if (value[0] !== middle) continue // below float32's own resolution
      const even = bits % 2 === 0 ? bits : bits + 1
      if (narrow(value)[0] !== even) expect.fail(`midpoint above ${bits}`)
      words[0] = words[0]! + 1
      if (narrow(value)[0] !== bits + 1) expect.fail(`above the midpoint of ${bits}`)
      words[0] = words[0]! - 2
      if (narrow(value)[0] !== bits) expect.fail(`below the midpoint of ${bits}`)
    }
  })

  it('rounds to infinity only from half a step beyond the largest value', () => {
    const largest = (2 ** format.exponentBits - 1) * 2 ** format.mantissaBits - 1
    const limit = byDefinition(largest, format) + 2 ** (2 ** (format.exponentBits - 1) - 1 - format.mantissaBits) / 2
    const values = Float32Array.of(limit, -limit)
    expect([...widen(narrow(values))]).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
    const words = new Uint32Array(values.buffer)
    words[0] = words[0]! - 1
    expect(narrow(values)[0]).toBe(largest)
  })

  it('is never further from a random value than the neighbouring patterns', () => {
    const values = someFloats(20_000)
    const near = widen(narrow(values))
    values.forEach((value, i) => {
      if (!Number.isFinite(value) || !Number.isFinite(near[i]!)) return
      const error = Math.abs(near[i]! - value)
      const step = Math.max(Math.abs(value) * 2 ** -format.mantissaBits, byDefinition(1, format))
      if (error > step / 2) expect.fail(`${value} became ${near[i]}`)
    })
  })

  it('fills the array it is given', () => {
    const out = new Float32Array(2)
    expect(widen(narrow(Float32Array.of(1, -2)), out)).toBe(out)
    expect([...out]).toEqual([1, -2])
  })
})
