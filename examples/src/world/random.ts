/** A seeded source of choices. Every draw depends only on the seed it was made from and on the draws before it. */
export interface Random {
  /** Next number in [0, 1). */
  next(): number
  /** Whole number in [0, n). */
  int(n: number): number
  /** One element of `items`. */
  pick<T>(items: readonly T[]): T
  /** One key of `weights`, with a probability proportional to its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K
  /** A new array with the elements of `items` in random order. */
  shuffle<T>(items: readonly T[]): T[]
  /** `n` different elements of `items`, in random order. */
  sample<T>(items: readonly T[], n: number): T[]
  /** An independent source, named: the same name from the same source always gives the same draws. */
  fork(name: string): Random
}

/**
 * Random source of a seed and a name (sfc32 seeded by FNV-1a and mixed).
 *
 * Streams are named, not numbered, so that adding rows to one file leaves the draws of every other file as they were.
 */
export function random(seed: number, name = ''): Random {
  const next = sfc32(`${seed}/${name}`)
  const int = (n: number): number => Math.floor(next() * n)
  const shuffle = <T>(items: readonly T[]): T[] => {
    const out = [...items]
    for (let i = out.length - 1; i > 0; i--) {
      const j = int(i + 1)
      ;[out[i], out[j]] = [out[j]!, out[i]!]
    }
    return out
  }
  return {
    next,
    int,
    pick: (items) => items[int(items.length)]!,
    weighted: (weights) => pickWeighted(weights, next()),
    shuffle,
    sample: (items, n) => sampleSome(items, n, int, shuffle),
    fork: (child) => random(seed, `${name}/${child}`),
  }
}

function pickWeighted<K extends string>(weights: Readonly<Record<K, number>>, draw: number): K {
  const entries = Object.entries(weights) as [K, number][]
  let rest = draw * entries.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [key, weight] of entries) if ((rest -= weight) < 0) return key
  return entries.at(-1)![0]
}

/** Rejection is quicker than a shuffle as long as few of many are wanted. */
function sampleSome<T>(
  items: readonly T[],
  n: number,
  int: (n: number) => number,
  shuffle: (i: readonly T[]) => T[],
): T[] {
  if (n * 4 > items.length) return shuffle(items).slice(0, n)
  const taken = new Set<number>()
  while (taken.size < n) taken.add(int(items.length))
  return [...taken].map((i) => items[i]!)
}

function sfc32(text: string): () => number {
  let [a, b, c, d] = [fnv(text, 1), fnv(text, 2), fnv(text, 3), 1]
  const next = (): number => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return (t >>> 0) / 2 ** 32
  }
  for (let i = 0; i < 16; i++) next()
  return next
}

function fnv(text: string, salt: number): number {
  let hash = 0x811c9dc5 ^ Math.imul(salt, 0x9e3779b9)
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash ^ (hash >>> 15)
}
