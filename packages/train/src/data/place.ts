/** Where an item begins: row of the batch, and token of that row. */
export interface Place {
  readonly row: number
  readonly begin: number
}

/** Places for all items, and the size of the batch that holds them. */
export interface Placement {
  readonly places: readonly Place[]
  readonly rows: number
  readonly length: number
}

/**
 * Puts items of the given lengths into rows. Rows are as long as the longest item; with `pack` shorter items share a
 * row where they fit (first fit, longest first), so a batch has fewer rows and no more tokens a row.
 *
 * @param multipleOf the row length is rounded up to a multiple of this
 */
export const placeItems = (
  lengths: readonly number[],
  { pack, multipleOf = 1 }: { readonly pack: boolean; readonly multipleOf?: number },
): Placement => {
  const longest = Math.ceil(Math.max(...lengths) / multipleOf) * multipleOf
  if (!pack) return { places: lengths.map((_, row) => ({ row, begin: 0 })), rows: lengths.length, length: longest }
  const byLength = lengths.map((_, i) => i).sort((a, b) => lengths[b]! - lengths[a]! || a - b)
  const filled: number[] = []
  const places = new Array<Place>(lengths.length)
  for (const item of byLength) {
    const fits = filled.findIndex((used) => used + lengths[item]! <= longest)
    const row = fits < 0 ? filled.length : fits
    places[item] = { row, begin: filled[row] ?? 0 }
    filled[row] = (filled[row] ?? 0) + lengths[item]!
  }
  return { places, rows: filled.length, length: longest }
}
