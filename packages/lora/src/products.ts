/** A matrix row by row in one buffer. */
export interface Grid {
  readonly rows: number
  readonly columns: number
  readonly data: Float64Array
}

/** The matrix in float64, turned on its side where it is taller than wide, so that its rows are few and long. */
export const wideGrid = (data: Float32Array, rows: number, columns: number): Grid => {
  if (rows <= columns) return { rows, columns, data: new Float64Array(data) }
  const turned = new Float64Array(data.length)
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) turned[j * rows + i] = data[i * columns + j]!
  return { rows: columns, columns: rows, data: turned }
}

/** X·Wᵀ: the rows [columns] of X with every row of W, each [rows]. */
export const timesTransposed = (grid: Grid, x: readonly Float64Array[]): Float64Array[] => {
  const product = x.map(() => new Float64Array(grid.rows))
  for (let i = 0; i < grid.rows; i++) {
    const row = rowOf(grid, i)
    for (let k = 0; k < x.length; k++) product[k]![i] = dot(row, x[k]!)
  }
  return product
}

/** X·W: the rows [rows] of X, each [columns]. */
export const times = (grid: Grid, x: readonly Float64Array[]): Float64Array[] => {
  const product = x.map(() => new Float64Array(grid.columns))
  const none = new Float64Array(grid.columns)
  for (let i = 0; i < grid.rows; i += 4) {
    const rows = [0, 1, 2, 3].map((next) => (i + next < grid.rows ? rowOf(grid, i + next) : none))
    for (let k = 0; k < x.length; k++) addScaled(product[k]!, rows, x[k]!.subarray(i, i + 4))
  }
  return product
}

/** W·Wᵀ as rows. Two rows of each side at a time: a number that was read serves two sums. */
export const gram = (grid: Grid): Float64Array[] => {
  const { rows, columns } = grid
  const product = Array.from({ length: rows }, () => new Float64Array(rows))
  const put = (i: number, j: number, value: number): void => {
    product[i]![j] = value
    product[j]![i] = value
  }
  for (let i = 0; i < rows; i += 2) {
    const below = Math.min(i + 1, rows - 1) // an odd last row is its own partner
    const [a, b] = [rowOf(grid, i), rowOf(grid, below)]
    for (let j = 0; j <= i; j += 2) {
      const after = Math.min(j + 1, rows - 1)
      const [c, d] = [rowOf(grid, j), rowOf(grid, after)]
      let [ac, ad, bc, bd] = [0, 0, 0, 0]
      for (let k = 0; k < columns; k++) {
        ac += a[k]! * c[k]!
        ad += a[k]! * d[k]!
        bc += b[k]! * c[k]!
        bd += b[k]! * d[k]!
      }
      put(i, j, ac)
      put(i, after, ad)
      put(below, j, bc)
      put(below, after, bd)
    }
  }
  return product
}

const rowOf = ({ columns, data }: Grid, i: number): Float64Array => data.subarray(i * columns, (i + 1) * columns)

/** Four sums, which do not wait for each other. */
const dot = (a: Float64Array, b: Float64Array): number => {
  const whole = a.length - (a.length % 4)
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  for (let k = 0; k < whole; k += 4) {
    s0 += a[k]! * b[k]!
    s1 += a[k + 1]! * b[k + 1]!
    s2 += a[k + 2]! * b[k + 2]!
    s3 += a[k + 3]! * b[k + 3]!
  }
  for (let k = whole; k < a.length; k++) s0 += a[k]! * b[k]!
  return s0 + s1 + s2 + s3
}

/** sum += scales·rows, for four rows at once: the sum is read and written once for all. */
const addScaled = (sum: Float64Array, rows: readonly Float64Array[], scales: Float64Array): void => {
  const [a, b, c, d] = rows as [Float64Array, Float64Array, Float64Array, Float64Array]
  const [p = 0, q = 0, r = 0, s = 0] = scales
  for (let k = 0; k < sum.length; k++) sum[k]! += p * a[k]! + q * b[k]! + r * c[k]! + s * d[k]!
}
