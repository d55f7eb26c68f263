import { describe, expect, it } from 'vitest'
import { array } from '../array'
import { matmul } from '../ops/matmul'
import { slice } from '../ops/slice'
import { programCost } from '../program-cost'
import { constant, constantSource, f32, type Tensor } from '../tensor'
import { trace } from '../trace'
import { int4Codes, quantizeInt4 } from './int4'
import { quantizeInt8, quantizeInt8Inputs, transposeTiles, untransposeTiles } from './int8'
import { nf4Codes, quantizeNf4 } from './nf4'
import { dequantize, type QuantizeOptions, quantize, quantizedRows } from './weight'

const matrix = (outputs: number, inputs: number) =>
  array(
    Float32Array.from({ length: outputs * inputs }, (_, k) => Math.sin(7 * k + 1)),
    { shape: [outputs, inputs] },
  )

describe('int8', () => {
  it('scales every output by its largest magnitude, ties to even', () => {
    const { codes, scales } = quantizeInt8(Float32Array.of(127, 0.5, 1.5, -2.5, 0, 0, 0, 0), 2)
    expect([...codes]).toEqual([127, 0, 2, -2, 0, 0, 0, 0])
    expect([...scales]).toEqual([1, 1])
  })

  it('scales inputs in the rounding that gradients use', () => {
    const { codes, scales } = quantizeInt8Inputs(Float32Array.of(127, 254, -1, 2), 2)
    expect([...codes]).toEqual([127, 127, -1, 1])
    expect([...scales]).toEqual([1, 2])
  })

  it('exchanges axes tile by tile, and back', () => {
    const codes = Int8Array.from({ length: 5 * 3 }, (_, k) => k)
    const tiles = transposeTiles(codes, 5, 2)
    expect([...tiles]).toEqual([0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11, 12, 13, 14])
    expect(untransposeTiles(tiles, 5, 2)).toEqual(codes)
  })
})

describe('int4', () => {
  it('signed scales give the extreme of a block the code −8', () => {
    const { packed, scales } = quantizeInt4(Float32Array.of(16, -2, 3, 0), { outputs: 1, block: 4 })
    expect([...int4Codes(packed, { outputs: 1, inputs: 4, block: 4 })]).toEqual([-8, 1, -2, 0]) // 3 / −2 is a tie
    expect([...scales]).toEqual([-2])
  })

  it('absmax scales spread 15 levels', () => {
    const { packed, scales } = quantizeInt4(Float32Array.of(14, -2, 3, 0), { outputs: 1, block: 4, scheme: 'absmax' })
    expect([...int4Codes(packed, { outputs: 1, inputs: 4, block: 4 })]).toEqual([7, -1, 2, 0])
    expect([...scales]).toEqual([2])
  })

  it('packs the first code low and fills a last block with zeros', () => {
    const { packed } = quantizeInt4(Float32Array.of(7, 1, 2), { outputs: 1, block: 4, scheme: 'absmax' })
    expect([...packed]).toEqual([15 | (9 << 4), 10 | (8 << 4)])
  })
})

it('nf4 takes the nearest level, packed with the first code high', () => {
  const { packed, scales } = quantizeNf4(Float32Array.of(2, -2, 0, 0.16), 4)
  expect([...nf4Codes(packed, 4)]).toEqual([15, 0, 7, 8])
  expect([...packed]).toEqual([0xf0, 0x78])
  expect([...scales]).toEqual([2])
})

/** Bounds of the error of one element: half of the largest distance between neighbouring levels of its scale. */
const options: readonly [QuantizeOptions, bound: number][] = [
  [{ scheme: 'int8' }, 1 / 254],
  [{ scheme: 'int8', tile: 4 }, 1 / 254],
  [{ scheme: 'int4', block: 16 }, 1 / 8], // the side that has no code for its extreme is off by a whole step
  [{ scheme: 'int4', scales: 'absmax' }, 1 / 14],
  [{ scheme: 'nf4', block: 16 }, 0.152],
]

describe.each(options)('%j', (scheme, bound) => {
  const given = matrix(6, 40)
  const weight = quantize(given, scheme)

  it('keeps every element within the bound of its rounding', () => {
    const wide = dequantize(weight)
    const worst = wide.reduce((most, value, k) => Math.max(most, Math.abs(value - Number(given.data[k]))), 0)
    expect(worst).toBeLessThanOrEqual(bound * 1.000001)
    expect(worst).toBeGreaterThan(bound / 20)
  })

  it('hands out rows that stand for the same elements', () => {
    const rows = quantizedRows(weight, 4, 6)
    if (weight.scheme === 'int8' && weight.tile === 6) expect(rows).toBeUndefined()
    else expect(dequantize(rows!)).toEqual(dequantize(weight).subarray(160))
  })

  it('is a constant that a slice of rows reads where it lies', () => {
    const whole = constant(weight)
    expect(constantSource(whole)?.quantized?.weight).toBe(weight)
    expect(slice(whole, 0, 0, 4).shape).toEqual([4, 40])
  })

  it('quantises matrices without elements', () => {
    for (const shape of [
      [0, 3],
      [2, 0],
    ])
      expect(dequantize(quantize(array(new Float32Array(0), { shape }), scheme))).toEqual(new Float32Array(0))
  })
})

it('counts the bits that a program carries, not the matrix that they stand for', () => {
  const weight = quantize(matrix(6, 40), { scheme: 'int8' })
  const product = (x: Tensor) => matmul(x, constant(weight), { transposeB: true })
  const { constantBytes, flops } = programCost(trace(product, [f32(3, 40)]).program)
  expect(constantBytes).toBe(6 * 40 + 6 * 4)
  expect(flops).toBe(2 * 3 * 6 * 40)
})

describe('errors', () => {
  it('say what a weight must be', () => {
    expect(() => quantize(array([1, 2]), { scheme: 'int8' })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: quantize: expected a matrix [out, in], got [2]. Quantise one matrix at a time.]`,
    )
    expect(() => quantize(array([[1, Number.NaN]]), { scheme: 'int8' })).toThrowErrorMatchingInlineSnapshot(
      `[TensorError: quantize: expected finite weights, got NaN or Infinity. Check the checkpoint.]`,
    )
    expect(() => quantize(matrix(1, 4), { scheme: 'int4', block: 15 })).toThrowErrorMatchingInlineSnapshot(
      `[TensorError: quantize: block must be an even number of at least 2, got 15. Use 32.]`,
    )
    expect(() => quantize(matrix(1, 4), { scheme: 'int5' } as never)).toThrowErrorMatchingInlineSnapshot(
      `[TensorError: quantize: scheme must be int8, int4 or nf4, got int5. Use int8.]`,
    )
    expect(() =>
      quantize({ dtype: 'int8', shape: [1, 1], data: Int8Array.of(1) }, { scheme: 'int8' }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[DTypeError: quantize: expected a float32 matrix, got int8. Convert it to float32 first.]`,
    )
  })
})
