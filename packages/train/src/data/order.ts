import { foldIn, type RandomKey, randomKey, threefry } from '@qilin-med/tensor'

/**
 * Row numbers of one epoch, shuffled by seed and epoch alone: a pure function, so a resumed run needs no more than the
 * step it stopped at.
 */
export const epochOrder = (
  rows: number,
  { seed, epoch, shuffle = true }: { readonly seed: number; readonly epoch: number; readonly shuffle?: boolean },
): Uint32Array => {
  const order = Uint32Array.from({ length: rows }, (_, i) => i)
  return shuffle ? shuffled(order, foldIn(foldIn(randomKey(seed), streams.order), epoch)) : order
}

/** Numbers that keep the uses of one seed apart. */
export const streams = { order: 1, dropout: 2 } as const

/** Fisher and Yates, in place. */
const shuffled = (values: Uint32Array, key: RandomKey): Uint32Array => {
  for (let i = values.length - 1; i > 0; i--) {
    const [high, low] = threefry(key, i, 0)
    const at = Math.floor(((high * 2 ** 21 + (low >>> 11)) / 2 ** 53) * (i + 1)) // 53 random bits
    const value = values[i]!
    values[i] = values[at]!
    values[at] = value
  }
  return values
}
