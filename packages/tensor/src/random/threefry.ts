/** Rotation distances of Threefry-2x32 (Salmon et al. 2011), in two groups of four rounds. */
export const rotations = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const

/** Constant that the key schedule mixes into its third word. */
export const parity = 0x1bd11bda

/** A key of the generator: two 32-bit words. */
export type RandomKey = readonly [number, number]

/**
 * Two 32-bit words for a key and a counter, by Threefry-2x32 with 20 rounds: a pure function, so the same key and
 * counter give the same numbers on every runtime and after every restart.
 */
export const threefry = ([key0, key1]: RandomKey, counter0: number, counter1: number): [number, number] => {
  const schedule = [key0, key1, (key0 ^ key1 ^ parity) >>> 0] as const
  let a = (counter0 + schedule[0]) >>> 0
  let b = (counter1 + schedule[1]) >>> 0
  for (let group = 0; group < 5; group++) {
    for (const distance of rotations[group % 2]!) {
      a = (a + b) >>> 0
      b = (((b << distance) | (b >>> (32 - distance))) ^ a) >>> 0
    }
    a = (a + schedule[(group + 1) % 3]!) >>> 0
    b = (b + schedule[(group + 2) % 3]! + group + 1) >>> 0
  }
  return [a, b]
}

/** A key derived from `key` for a use of its own: equal numbers give equal keys, different ones independent streams. */
export const foldIn = (key: RandomKey, data: number): RandomKey => threefry(key, data >>> 0, Math.floor(data / 2 ** 32))

/** The key of a seed. @param seed an integer from 0 to 2^53 − 1 */
export const randomKey = (seed: number): RandomKey => [Math.floor(seed / 2 ** 32) >>> 0, seed >>> 0]

/** Fills `out` with numbers drawn evenly from [low, high), with 24 random bits each. */
export const fillUniform = (key: RandomKey, out: Float32Array, low = 0, high = 1): Float32Array => {
  for (let i = 0; i < out.length; i += 2) {
    const words = threefry(key, i / 2, 0)
    for (let j = 0; j < 2 && i + j < out.length; j++) out[i + j] = low + (words[j]! >>> 8) * 2 ** -24 * (high - low)
  }
  return out
}

/** Fills `out` with normal numbers of mean 0 (Box–Muller). */
export const fillNormal = (key: RandomKey, out: Float32Array, deviation = 1): Float32Array => {
  for (let i = 0; i < out.length; i += 2) {
    const [a, b] = threefry(key, i / 2, 0)
    const radius = deviation * Math.sqrt(-2 * Math.log(((a >>> 8) + 1) * 2 ** -24))
    const angle = 2 * Math.PI * (b >>> 8) * 2 ** -24
    out[i] = radius * Math.cos(angle)
    if (i + 1 < out.length) out[i + 1] = radius * Math.sin(angle)
  }
  return out
}
