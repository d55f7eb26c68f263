import { reshape } from './ops/reshape'
import { concat, slice } from './ops/slice'
import type { Tensor } from './tensor'

/** Where one named array lies in a flat buffer. */
export interface FlatEntry {
  readonly name: string
  readonly shape: readonly number[]
  readonly offset: number
  readonly size: number
}

/** Named arrays laid out one after the other in one buffer of `size` elements. */
export interface FlatLayout {
  readonly entries: readonly FlatEntry[]
  readonly size: number
}

/** Layout of the given arrays, in order. One flat buffer costs a runtime one argument instead of hundreds. */
export const flatLayout = (
  arrays: readonly { readonly name: string; readonly shape: readonly number[] }[],
): FlatLayout => {
  let offset = 0
  const entries = arrays.map(({ name, shape }) => {
    const size = shape.reduce((product, length) => product * length, 1)
    const entry = { name, shape, offset, size }
    offset += size
    return entry
  })
  return { entries, size: offset }
}

/** The named arrays inside a flat tensor [P]. Differentiate for these, then join the gradients with `flattenBy`. */
export const unflatten = (flat: Tensor, { entries }: FlatLayout): Record<string, Tensor> =>
  Object.fromEntries(
    entries.map(({ name, shape, offset, size }) => [name, reshape(slice(flat, 0, offset, offset + size), shape)]),
  )

/** One flat tensor [P] of the named arrays. */
export const flattenBy = (arrays: Readonly<Record<string, Tensor>>, { entries }: FlatLayout): Tensor =>
  concat(
    entries.map(({ name }) => reshape(arrays[name]!, [-1])),
    0,
  )
