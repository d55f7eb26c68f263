import { fillNormal, type RandomKey } from '@qilin-med/tensor'
import { EigenvalueDecomposition, Matrix, QrDecomposition, SingularValueDecomposition } from 'ml-matrix'
import { type Grid, gram, times, timesTransposed, wideGrid } from './products'

/** The largest singular values of a matrix with their vectors: W ≈ Σ σ·left·rightᵀ. Vectors are fixed up to a common sign. */
export interface SingularTriplets {
  /** Falling. */
  readonly values: readonly number[]
  /** One vector [rows] for each value. */
  readonly left: readonly Float64Array[]
  /** One vector [columns] for each value. */
  readonly right: readonly Float64Array[]
}

/** How the space of the leading vectors is found: exactly, or by subspace iterations from random vectors. */
export type SubspaceSearch = 'exact' | { readonly iterations: number; readonly key: RandomKey }

/**
 * The `rank` leading singular triplets of a matrix [rows, columns] of finite numbers, in float64.
 *
 * @param rank at most the shorter side
 */
export const leadingTriplets = (
  data: Float32Array,
  [rows, columns]: readonly [rows: number, columns: number],
  rank: number,
  search: SubspaceSearch,
): SingularTriplets => {
  const grid = wideGrid(data, rows, columns)
  const basis = search === 'exact' ? exactBasis(grid, rank) : randomBasis(grid, rank, search)
  const { values, left, right } = tripletsWithin(grid, basis)
  return rows <= columns ? { values, left, right } : { values, left: right, right: left }
}

/**
 * Leading eigenvectors of W·Wᵀ. For a few triplets of a wide matrix this takes a tenth of the time of its whole
 * decomposition; squaring costs digits of small singular values, which float32 factors cannot hold, and `tripletsWithin`
 * reads the values from W itself.
 */
const exactBasis = (grid: Grid, rank: number): Float64Array[] => {
  const { eigenvectorMatrix } = new EigenvalueDecomposition(new Matrix(gram(grid)), { assumeSymmetric: true })
  const last = grid.rows - 1 // eigenvalues rise
  return Array.from({ length: rank }, (_, k) => Float64Array.from(eigenvectorMatrix.getColumn(last - k)))
}

/** Halko et al. 2011, algorithm 4.4, without spare vectors, as in torch's `svd_lowrank` that PEFT calls. */
const randomBasis = (
  grid: Grid,
  rank: number,
  { iterations, key }: Exclude<SubspaceSearch, 'exact'>,
): Float64Array[] => {
  const drawn = fillNormal(key, new Float32Array(rank * grid.columns))
  const start = Array.from({ length: rank }, (_, k) =>
    Float64Array.from(drawn.subarray(k * grid.columns, (k + 1) * grid.columns)),
  )
  let basis = orthonormal(timesTransposed(grid, start))
  for (let i = 0; i < iterations; i++) basis = orthonormal(timesTransposed(grid, orthonormal(times(grid, basis))))
  return basis
}

/** Orthonormal vectors that span what the given ones span. */
const orthonormal = (vectors: readonly Float64Array[]): Float64Array[] =>
  columnsOf(new QrDecomposition(new Matrix([...vectors]).transpose()).orthogonalMatrix)

/** Triplets of W projected on the span of orthonormal vectors: the decomposition of the small matrix Q·W. */
const tripletsWithin = (grid: Grid, basis: readonly Float64Array[]): SingularTriplets => {
  const small = new SingularValueDecomposition(new Matrix(times(grid, basis)), { autoTranspose: true })
  const turned = columnsOf(small.leftSingularVectors) // coordinates in the basis
  const left = turned.map((coordinates) =>
    Float64Array.from({ length: grid.rows }, (_, i) => basis.reduce((sum, v, j) => sum + coordinates[j]! * v[i]!, 0)),
  )
  return { values: small.diagonal, left, right: columnsOf(small.rightSingularVectors) }
}

const columnsOf = (matrix: Matrix): Float64Array[] =>
  Array.from({ length: matrix.columns }, (_, k) => Float64Array.from(matrix.getColumn(k)))
