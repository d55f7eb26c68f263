import type { BenchCase } from './suite'

/** Medians of one case; figures in the unit of the case. */
export interface Measurement {
  readonly ours: number
  /** Null when there is no peer to measure. */
  readonly peer: number | null
  /** How many times better ours is: above 1 when we win, whatever the unit. Null without a peer. */
  readonly ratio: number | null
  /** Smallest and largest figure of either side. */
  readonly spread: { readonly ours: Range; readonly peer: Range | null }
  readonly rounds: number
}

/** Smallest and largest value. */
export type Range = readonly [number, number]

/** Fewest rounds a case is measured for unless somebody asks for fewer by hand. */
export const fewestRounds = 5

/**
 * Medians of both sides of a case, run alternately after one warm-up each, so that a machine that slows down slows both.
 *
 * @param rounds  measured rounds; by default those of the case, at least 5
 * @throws TypeError when a side returns something that is not a finite number above 0
 */
export const measure = async (
  { name, ours, peer, higherIsBetter, rounds: own = fewestRounds }: BenchCase,
  { rounds = Math.max(own, fewestRounds) }: { rounds?: number | undefined } = {},
): Promise<Measurement> => {
  const sides = { ours: [] as number[], peer: [] as number[] }
  for (let round = -1; round < rounds; round++) {
    const figures = { ours: checked(name, 'ours', await ours()), peer: peer && checked(name, 'peer', await peer()) }
    if (round < 0) continue // warm-up
    sides.ours.push(figures.ours)
    if (figures.peer !== undefined) sides.peer.push(figures.peer)
  }
  const mine = median(sides.ours)
  if (!peer) return { ours: mine, peer: null, ratio: null, spread: { ours: range(sides.ours), peer: null }, rounds }
  const theirs = median(sides.peer)
  return {
    ours: mine,
    peer: theirs,
    ratio: higherIsBetter ? mine / theirs : theirs / mine,
    spread: { ours: range(sides.ours), peer: range(sides.peer) },
    rounds,
  }
}

/** Middle value; the mean of the two middle ones for an even count. */
export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const range = (values: readonly number[]): Range => [Math.min(...values), Math.max(...values)]

const checked = (name: string, side: string, figure: number): number => {
  if (Number.isFinite(figure) && figure > 0) return figure
  throw new TypeError(`bench: ${name}: expected a figure above 0 from ${side}, got ${figure}.`)
}
