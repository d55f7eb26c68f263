import { MetricsError } from '../errors'

/** Random numbers of numpy's `default_rng(seed)`: the same draws in the same order. */
export interface RandomSource {
  /** The next 32 random bits, as an unsigned integer. */
  uint32(): number
  /** A float in [0, 1) with 53 random bits. */
  float(): number
  /** Fills `out` with integers of 0 .. below-1, as `rng.integers(below, size=...)` and `rng.choice(below, size=...)`. */
  integers(below: number, out: Int32Array): Int32Array
  /** Fills `out` with zeros and ones, as `rng.integers(2, size=..., dtype=bool)`. */
  bits(out: Uint8Array): Uint8Array
}

/**
 * The generator of numpy's `default_rng(seed)`: PCG64 (XSL-RR) seeded through SeedSequence. Same seed, same draws, on every
 * machine.
 *
 * @param seed  a non-negative safe integer
 * @throws MetricsError `option` for any other seed
 * @see O'Neill 2014, "PCG: A family of simple fast space-efficient statistically good algorithms"
 */
export function numpyRandom(seed: number): RandomSource {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new MetricsError(
      'option',
      `numpyRandom: expected a non-negative integer as seed, got ${seed}. Pass a whole number.`,
      {
        operation: 'numpyRandom',
      },
    )
  const next = pcg64(seedWords(seed, 8))
  const word = { high: 0, low: 0 }
  let pending = -1 // the upper half of the last 64 bits, when it is still to be handed out

  function uint32(): number {
    if (pending >= 0) {
      const value = pending
      pending = -1
      return value
    }
    next(word)
    pending = word.high
    return word.low
  }

  return {
    uint32,
    float() {
      next(word)
      // 53 bits: 32 of the upper word and 21 of the lower.
      return (word.high * 0x200000 + (word.low >>> 11)) / 0x20000000000000
    },
    integers: (below, out) => fillIntegers(below, out, uint32),
    bits(out) {
      let bits = 0
      for (let i = 0; i < out.length; i++) {
        bits = i % 32 === 0 ? uint32() : bits >>> 1
        out[i] = bits & 1
      }
      return out
    },
  }
}

/** Lemire's multiplication method with rejection, as numpy draws bounded integers of up to 32 bits. */
function fillIntegers(below: number, out: Int32Array, uint32: () => number): Int32Array {
  if (!Number.isInteger(below) || below < 1 || below > 0x7fffffff)
    throw new MetricsError(
      'option',
      `integers: expected a bound between 1 and 2147483647, got ${below}. Draw from a non-empty list.`,
      {
        operation: 'integers',
      },
    )
  if (below === 1) return out.fill(0)
  const threshold = (0x100000000 - below) % below
  for (let i = 0; i < out.length; i++) {
    for (;;) {
      const value = uint32()
      const low = Math.imul(value, below) >>> 0
      if (low < below && low < threshold) continue
      // (value * below - low) is a multiple of 2^32; the float product errs by less than half of that.
      out[i] = Math.round((value * below - low) / 0x100000000)
      break
    }
  }
  return out
}

/** `count` 32-bit words of numpy's SeedSequence for an integer seed. */
function seedWords(seed: number, count: number): Uint32Array {
  const pool = mixEntropy([seed >>> 0, Math.floor(seed / 0x100000000) >>> 0])
  const words = new Uint32Array(count)
  let constant = 0x8b51f9dd
  for (let i = 0; i < count; i++) {
    let value = (pool[i % 4]! ^ constant) >>> 0
    constant = Math.imul(constant, 0x58f38ded) >>> 0
    value = Math.imul(value, constant) >>> 0
    words[i] = (value ^ (value >>> 16)) >>> 0
  }
  return words
}

function mixEntropy(entropy: readonly number[]): Uint32Array {
  let constant = 0x43b0d7e5
  const hash = (input: number): number => {
    let value = (input ^ constant) >>> 0
    constant = Math.imul(constant, 0x931e8875) >>> 0
    value = Math.imul(value, constant) >>> 0
    return (value ^ (value >>> 16)) >>> 0
  }
  const pool = new Uint32Array(4)
  for (let i = 0; i < 4; i++) pool[i] = hash(entropy[i] ?? 0)
  for (let from = 0; from < 4; from++)
    for (let to = 0; to < 4; to++) {
      if (from === to) continue
      const mixed = (Math.imul(0xca01f9dd, pool[to]!) - Math.imul(0x4973f715, hash(pool[from]!))) >>> 0
      pool[to] = (mixed ^ (mixed >>> 16)) >>> 0
    }
  return pool
}

/** 128-bit numbers as four 32-bit limbs, lowest first. */
const multiplier = Uint32Array.of(0x9fccf645, 0x4385df64, 0x1fc65da4, 0x2360ed05)

/** The 64-bit outputs of PCG64, written into `word`. */
function pcg64(words: Uint32Array): (word: { high: number; low: number }) => void {
  // Words come as little-endian pairs; the first two 64-bit values are the state's upper and lower half, then the stream's.
  const start = Uint32Array.of(words[2]!, words[3]!, words[0]!, words[1]!)
  const increment = shiftedOdd(Uint32Array.of(words[6]!, words[7]!, words[4]!, words[5]!))
  const state = new Uint32Array(4)
  const product = new Float64Array(8)
  const advance = (): void => {
    multiply(state, product)
    add(state, increment)
  }
  advance()
  add(state, start)
  advance()
  return (word) => {
    advance()
    const high = (state[3]! ^ state[1]!) >>> 0
    const low = (state[2]! ^ state[0]!) >>> 0
    const turn = state[3]! >>> 26
    const [a, b] = turn < 32 ? [high, low] : [low, high]
    const shift = turn & 31
    word.high = shift === 0 ? a : ((a >>> shift) | (b << (32 - shift))) >>> 0
    word.low = shift === 0 ? b : ((b >>> shift) | (a << (32 - shift))) >>> 0
  }
}

function shiftedOdd(value: Uint32Array): Uint32Array {
  const shifted = new Uint32Array(4)
  for (let i = 3; i > 0; i--) shifted[i] = (value[i]! << 1) | (value[i - 1]! >>> 31)
  shifted[0] = (value[0]! << 1) | 1
  return shifted
}

function add(target: Uint32Array, value: Uint32Array): void {
  let carry = 0
  for (let i = 0; i < 4; i++) {
    const sum = target[i]! + value[i]! + carry
    carry = sum > 0xffffffff ? 1 : 0
    target[i] = sum
  }
}

/** `state` times the multiplier, modulo 2^128, in 16-bit digits so that no product leaves the exact range of floats. */
function multiply(state: Uint32Array, product: Float64Array): void {
  product.fill(0)
  for (let i = 0; i < 8; i++) {
    const digit = (state[i >> 1]! >>> ((i & 1) * 16)) & 0xffff
    for (let j = 0; i + j < 8; j++) product[i + j]! += digit * ((multiplier[j >> 1]! >>> ((j & 1) * 16)) & 0xffff)
  }
  let carry = 0
  for (let i = 0; i < 8; i += 2) {
    const low = product[i]! + carry
    const high = product[i + 1]! + Math.floor(low / 0x10000)
    state[i >> 1] = ((high % 0x10000) * 0x10000 + (low % 0x10000)) >>> 0
    carry = Math.floor(high / 0x10000)
  }
}
