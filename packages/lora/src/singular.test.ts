import { fillNormal, foldIn, randomKey } from '@qilin-med/tensor'
import { Matrix, SingularValueDecomposition } from 'ml-matrix'
import { describe, expect, it } from 'vitest'
import { leadingTriplets, type SingularTriplets, type SubspaceSearch } from './singular'

const [rows, columns] = [7, 11]
const random = (length: number, index = 0) => fillNormal(foldIn(randomKey(5), index), new Float32Array(length))

/** A matrix whose singular values halve from one to the next: random orthonormal vectors with 1, 1/2, 1/4, ... */
const decaying = (): Float32Array => {
  const { leftSingularVectors: u, rightSingularVectors: v } = new SingularValueDecomposition(
    Matrix.from1DArray(rows, columns, random(rows * columns)),
    { autoTranspose: true },
  )
  const scaled = Matrix.diag(Array.from({ length: rows }, (_, k) => 2 ** -k))
  return Float32Array.from(u.mmul(scaled).mmul(v.transpose()).to1DArray())
}

const turned = (data: Float32Array): Float32Array =>
  data.map((_, k) => data[(k % rows) * columns + Math.floor(k / rows)]!)

const principal = ({ values, left, right }: SingularTriplets): Float64Array => {
  const product = new Float64Array(left[0]!.length * right[0]!.length)
  values.forEach((value, k) => {
    left[k]!.forEach((l, i) => {
      right[k]!.forEach((r, j) => {
        product[i * right[k]!.length + j]! += value * l * r
      })
    })
  })
  return product
}

const largest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a, (value, i) => Math.abs(value - b[i]!)).reduce((worst, value) => Math.max(worst, value), 0)

const searches: [name: string, search: SubspaceSearch][] = [
  ['exact', 'exact'],
  ['iterations', { iterations: 30, key: randomKey(1) }],
]

describe.each(searches)('%s', (_, search) => {
  it.each([
    ['wide', decaying(), [rows, columns]],
    ['tall', turned(decaying()), [columns, rows]],
  ] as const)('finds the values, orthonormal vectors and principal part of a %s matrix', (_, data, shape) => {
    const triplets = leadingTriplets(data, shape, 3, search)
    expect(largest(triplets.values, [1, 0.5, 0.25])).toBeLessThan(1e-6)
    for (const vectors of [triplets.left, triplets.right]) {
      const products = vectors.flatMap((a) => vectors.map((b) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)))
      expect(largest(products, [1, 0, 0, 0, 1, 0, 0, 0, 1])).toBeLessThan(1e-9)
    }
    // What is left over has the next value as its largest: no entry of it is larger.
    const whole = leadingTriplets(data, shape, rows, 'exact')
    const rest = { ...whole, values: whole.values.map((value, k) => (k < 3 ? 0 : value)) }
    expect(
      largest(
        principal(triplets),
        principal(whole).map((value, i) => value - principal(rest)[i]!),
      ),
    ).toBeLessThan(1e-6)
  })

  it('gives back the whole matrix at full rank', () => {
    const data = random(rows * columns, 1)
    expect(largest(principal(leadingTriplets(data, [rows, columns], rows, search)), data)).toBeLessThan(1e-6)
  })

  it.each([
    ['of zeros', new Float32Array(rows * columns)],
    [
      'of rank 1',
      Float32Array.from({ length: rows * columns }, (_, k) => (1 + Math.floor(k / columns)) * (k % columns)),
    ],
    ['with equal values', Float32Array.from({ length: rows * columns }, (_, k) => Number(k % (columns + 1) === 0))],
    ['far from size 1', random(rows * columns, 2).map((value) => 1e-18 * value)],
  ])('gives finite numbers for a matrix %s', (_, data) => {
    const { values, left, right } = leadingTriplets(data, [rows, columns], 3, search)
    expect([values, ...left, ...right].every((numbers) => numbers.every(Number.isFinite))).toBe(true)
  })
})

it('comes closer with each iteration, from below', () => {
  const data = decaying()
  const exact = leadingTriplets(data, [rows, columns], 2, 'exact').values[1]!
  const errors = [0, 1, 2, 3].map((iterations) => {
    const search = { iterations, key: randomKey(2) }
    return exact - leadingTriplets(data, [rows, columns], 2, search).values[1]!
  })
  // An iteration multiplies with W·Wᵀ: in the long run the error of a value falls to (σ₃/σ₂)⁴ = 1/16 of the one before.
  for (const [i, error] of errors.slice(1).entries()) expect(error).toBeLessThan(errors[i]! / 2)
  expect(errors.at(-1)!).toBeGreaterThan(0)
})

it('agrees with the whole decomposition of ml-matrix', () => {
  const data = random(40 * 64, 3)
  const whole = new SingularValueDecomposition(Matrix.from1DArray(40, 64, data), { autoTranspose: true })
  expect(largest(leadingTriplets(data, [40, 64], 8, 'exact').values, whole.diagonal)).toBeLessThan(1e-10)
})
