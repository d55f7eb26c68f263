import type { Outcome } from '../../kind'
import type { Arrays, Numbers } from './golden'

/** Tolerances of the golden README; the norm of all gradients is held at the accuracy of its parts. */
export const tolerances = {
  logits: 1e-4,
  merged: 2e-4,
  loss: 2e-5,
  gradients: 1e-4,
  gradientNorm: 1e-4,
} as const

/** Largest absolute difference, where `mask` (one value a row of the last axis) is not 0. */
export const largest = (ours: Numbers, theirs: Numbers, mask?: ArrayLike<number>): number => {
  if (`${ours.shape}` !== `${theirs.shape}`) throw new Error(`expected shape [${theirs.shape}], got [${ours.shape}]`)
  const width = mask ? theirs.data.length / mask.length : 1
  let worst = 0
  for (let i = 0; i < theirs.data.length; i++) {
    if (mask && !mask[Math.floor(i / width)]) continue
    const difference = Math.abs(ours.data[i]! - theirs.data[i]!)
    if (!(difference <= worst)) worst = difference
  }
  return worst
}

/** |ours − theirs| / |theirs|. */
export const relative = (ours: number, theirs: number): number => {
  const absolute = Math.abs(ours - theirs)
  return absolute > 0 ? absolute / Math.abs(theirs) : absolute
}

/** The worst of several named differences, with its name. */
export const worstOf = (
  differences: readonly (readonly [name: string, difference: number])[],
  tolerance: number,
): Outcome => {
  if (differences.length === 0) throw new Error('expected something to compare, got nothing')
  const [name, difference] = differences.reduce((worst, next) => (next[1] <= worst[1] ? worst : next))
  return { difference, tolerance, detail: differences.length === 1 ? name : `${name}, of ${differences.length}` }
}

/** Differences of gradients, each relative to the largest element of its tensor. */
export const gradientDifferences = (
  theirs: ReadonlyMap<string, Numbers>,
  ours: ReadonlyMap<string, Numbers>,
): [name: string, difference: number][] =>
  [...theirs].map(([name, expected]) => {
    const found = ours.get(name)
    if (!found) throw new Error(`expected a gradient of ${name}, got none`)
    const scale = expected.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    const difference = largest(found, expected)
    return [name, scale > 0 ? difference / scale : difference]
  })

/** √Σg² over all arrays, in float64. */
export const globalNorm = (arrays: Iterable<Numbers>): number => {
  let sum = 0
  for (const { data } of arrays) for (const value of data) sum += value * value
  return Math.sqrt(sum)
}

/** The arrays whose names begin with `prefix`, under the rest of their names. */
export const within = ({ names, get }: Arrays, prefix: string): Map<string, Numbers> =>
  new Map(names.filter((name) => name.startsWith(prefix)).map((name) => [name.slice(prefix.length), get(name)]))
