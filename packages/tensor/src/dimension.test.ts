import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  addDims,
  type Bindings,
  bindDim,
  type Dim,
  dimension,
  divideDims,
  floorDivideDim,
  multiplyDims,
  sameDim,
  shapeText,
  subtractDims,
} from './dimension'

const leaf = fc.oneof(fc.integer({ min: -4, max: 4 }), fc.constantFrom('B', 'T', 'S').map(dimension))
const polynomial: fc.Arbitrary<Dim> = fc
  .array(fc.tuple(leaf, leaf), { maxLength: 3 })
  .map((pairs) => pairs.map(([a, b]) => multiplyDims(a, b)).reduce<Dim>(addDims, 0))
const sizes: Bindings = new Map([
  ['B', 3],
  ['T', 7],
  ['S', 0],
])

describe('dimension polynomials', () => {
  const [B, T] = [dimension('B'), dimension('T')]

  test('sums, differences and products bind to the sums, differences and products of numbers', () => {
    fc.assert(
      fc.property(polynomial, polynomial, (a, b) => {
        const [left, right] = [bindDim(a, sizes), bindDim(b, sizes)]
        expect(bindDim(addDims(a, b), sizes)).toBe(left + right)
        expect(bindDim(subtractDims(a, b), sizes)).toBe(left - right)
        expect(bindDim(multiplyDims(a, b), sizes) === left * right).toBe(true) // −0 equals 0
      }),
      { seed: 1 },
    )
  })

  test('equal polynomials have equal keys, however they were built', () => {
    fc.assert(
      fc.property(polynomial, polynomial, polynomial, (a, b, c) => {
        expect(sameDim(addDims(a, b), addDims(b, a))).toBe(true)
        expect(sameDim(multiplyDims(a, addDims(b, c)), addDims(multiplyDims(a, b), multiplyDims(c, a)))).toBe(true)
        expect(subtractDims(addDims(a, b), addDims(b, a))).toBe(0)
      }),
      { seed: 2 },
    )
  })

  test('a name divided and rounded down binds to the rounded quotient, also inside sums and products', () => {
    const third = floorDivideDim(T, 3)!
    expect(String(third)).toBe('T/3')
    expect(bindDim(third, sizes)).toBe(2)
    expect(bindDim(subtractDims(T, multiplyDims(third, 2)), sizes)).toBe(3)
    expect(sameDim(addDims(subtractDims(T, third), third), T)).toBe(true)
    expect(floorDivideDim(7, 2)).toBe(3)
    expect(floorDivideDim(addDims(T, 1), 2)).toBeUndefined() // ⌊(T + 1)/2⌋ is not ⌊T/2⌋ + ⌊1/2⌋
  })

  test('a product divided by one of its single terms gives the other factor', () => {
    const term = fc
      .tuple(
        fc.integer({ min: 1, max: 4 }),
        leaf.filter((dim) => dim !== 0),
      )
      .map(([n, d]) => multiplyDims(n, d))
    fc.assert(
      fc.property(polynomial, term, (a, b) => {
        expect(sameDim(divideDims(multiplyDims(a, b), b)!, a)).toBe(true)
      }),
      { seed: 3 },
    )
  })

  test('a division that is not exact for every size gives undefined', () => {
    expect(divideDims(addDims(B, 1), 2)).toBeUndefined()
    expect(divideDims(B, T)).toBeUndefined()
    expect(divideDims(7, 2)).toBeUndefined()
    expect(divideDims(B, 0)).toBeUndefined()
  })

  test('texts put names in order and the number last', () => {
    const dim = addDims(addDims(1, multiplyDims(2, multiplyDims(T, B))), T)
    expect(shapeText([dim, B, 3])).toBe('[2*B*T+T+1, B, 3]')
    expect(shapeText([])).toBe('[]')
  })

  test('names that are no identifiers and names without a size are errors', () => {
    expect(() => dimension('2B')).toThrowErrorMatchingInlineSnapshot(
      `[TensorError: dimension: expected an identifier such as 'B', got '2B'. Rename it.]`,
    )
    expect(() => bindDim(dimension('X'), sizes)).toThrowErrorMatchingInlineSnapshot(
      `[TensorError: run: dimension 'X' must be an axis of an argument, got none. Declare it in an input.]`,
    )
  })
})
