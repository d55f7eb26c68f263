import { describe, expect, test } from 'vitest'
import { array } from './array'
import { add, exp, square } from './ops/elementwise'
import { gather } from './ops/indexing'
import { matmul } from './ops/matmul'
import { sum } from './ops/reduce'
import { reshape, transpose } from './ops/reshape'
import { costAt, programCost } from './program-cost'
import { constant, f32, i64, type Tensor, type TensorType } from './tensor'
import { trace } from './trace'
import { grad } from './transform/gradient'

const costOf = (fn: (...inputs: Tensor[]) => Tensor, ...types: TensorType[]) => {
  const cost = programCost(trace(fn, types as never).program)
  return { ...cost, flops: `${cost.flops}`, bytesMoved: `${cost.bytesMoved}`, argumentBytes: `${cost.argumentBytes}` }
}

describe('programCost', () => {
  test('a product of matrices counts 2·M·K·N, transposed or not, and reads and writes each matrix once', () => {
    expect(costOf((a, b) => matmul(a, b), f32('B', 3), f32(3, 4))).toEqual({
      operations: 1,
      flops: '24*B',
      bytesMoved: '28*B+48', // 4 bytes of B·3 + 3·4 + B·4 elements
      constantBytes: 0,
      argumentBytes: '12*B+48',
    })
    const turned = costOf((a, b) => matmul(a, b, { transposeA: true, transposeB: true }), f32(3, 'B'), f32(4, 3))
    expect(turned.flops).toBe('24*B')
  })

  test('a reduction counts what it reads, elementwise functions what they write, moving and viewing nothing', () => {
    expect(costOf((a) => sum(a), f32('B', 5)).flops).toBe('5*B')
    expect(costOf((a, b) => add(a, b), f32('B', 1), f32(7)).flops).toBe('7*B')
    expect(costOf((a) => transpose(a), f32('B', 5))).toMatchObject({ flops: '0', bytesMoved: '40*B' })
    expect(costOf((a) => reshape(a, [5, 'B']), f32('B', 5))).toMatchObject({ flops: '0', bytesMoved: '0' })
  })

  test('constants are counted apart, and a look-up moves the rows it reads, not the table', () => {
    const table = constant(array(new Float32Array(1000), { shape: [100, 10] }))
    const cost = costOf((ids) => exp(gather(table, ids)), i64('T'))
    expect(cost).toMatchObject({ operations: 2, constantBytes: 4000, argumentBytes: '8*T' })
    expect(cost.bytesMoved).toBe('160*T') // 80·T to look up, 80·T for exp
  })

  test('a gradient of a linear layer for both operands is two more products of the same size', () => {
    const loss = (w: Tensor, x: Tensor) => sum(square(matmul(x, w)))
    const both = (w: Tensor, x: Tensor) => grad(([a, b]: [Tensor, Tensor]) => loss(a, b))([w, x])
    const cost = programCost(trace(both, [f32(64, 32), f32('T', 64)]).program)
    const products = 3 * 2 * 100 * 64 * 32
    const { flops } = costAt(cost, { T: 100 })
    expect(flops).toBeGreaterThanOrEqual(products)
    expect(flops).toBeLessThan(1.02 * products)
  })

  test('costAt names a dimension without a length', () => {
    const cost = programCost(trace(exp, [f32('B')]).program)
    expect(() => costAt(cost, {})).toThrow("dimension 'B'")
  })
})
