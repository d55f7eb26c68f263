import type { NdArray } from '../array'

/** Elements as numbers, whatever typed array holds them. */
export const numbers = (values: ArrayLike<number | bigint>): number[] =>
  Array.from<number | bigint, number>(values, Number)

/** @throws Error naming the first element that differs by more than `tolerance`, relative where it is above 1 */
export const requireClose = (
  actual: Pick<NdArray, 'data'>,
  expected: ArrayLike<number | bigint>,
  tolerance: number,
  what: string,
): void => {
  if (actual.data.length !== expected.length)
    throw new Error(`${what}: expected ${expected.length} elements, got ${actual.data.length}`)
  numbers(expected).forEach((value, i) => {
    const got = Number(actual.data[i])
    const equal = Object.is(got, value) || Math.abs(got - value) <= tolerance * Math.max(1, Math.abs(value))
    if (!equal) throw new Error(`${what}[${i}]: expected ${value}, got ${got}`)
  })
}

/** @throws Error unless both print alike; for numbers, strings and lists of them */
export const requireEqual = (actual: unknown, expected: unknown, what: string): void => {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (got !== wanted) throw new Error(`${what}: expected ${wanted}, got ${got}`)
}
