// MinHash kernel (AssemblyScript, SIMD). Works on raw addresses; the host lays out memory. src/dedup/minhash-js.ts computes the same bits.

// Multiplier of the rolling polynomial over code points.
const base: u32 = 0x9e3779b1

// Code points of `units` UTF-16 units at `text`, as u32 at `points`. A surrogate without its partner stands for itself.
function decode(text: usize, units: i32, points: usize): i32 {
  let count = 0
  for (let i = 0; i < units; i++) {
    let code: u32 = load<u16>(text + ((<usize>i) << 1))
    if ((code & 0xfc00) === 0xd800 && i + 1 < units) {
      const low: u32 = load<u16>(text + ((<usize>(i + 1)) << 1))
      if ((low & 0xfc00) === 0xdc00) {
        code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff)
        i++
      }
    }
    store<u32>(points + ((<usize>count) << 2), code)
    count++
  }
  return count
}

// Finaliser of MurmurHash3.
function mix(hash: u32): u32 {
  let h = hash
  h ^= h >> 16
  h *= 0x85ebca6b
  h ^= h >> 13
  h *= 0xc2b2ae35
  return h ^ (h >> 16)
}

// Mixed hashes of all n-grams of code points, written over `points`; a text shorter than n is one gram, an empty one has none.
export function shingles(text: usize, units: i32, points: usize, n: i32): i32 {
  const count = decode(text, units, points)
  if (count === 0) return 0
  const length = min(n, count)
  let hash: u32 = 0
  let top: u32 = 1
  for (let i = 0; i < length; i++) {
    hash = hash * base + load<u32>(points + ((<usize>i) << 2))
    if (i > 0) top *= base
  }
  let grams = 0
  for (let i = length; i < count; i++) {
    const leaving = load<u32>(points + ((<usize>grams) << 2))
    store<u32>(points + ((<usize>grams) << 2), mix(hash))
    grams++
    hash = (hash - leaving * top) * base + load<u32>(points + ((<usize>i) << 2))
  }
  store<u32>(points + ((<usize>grams) << 2), mix(hash))
  return grams + 1
}

// Minimum of a[p] * h + b[p] over `count` hashes, for `permutations` (a multiple of 16) pairs; all ones where there is no hash.
export function minima(hashes: usize, count: i32, a: usize, b: usize, permutations: i32, out: usize): void {
  const end = hashes + ((<usize>count) << 2)
  for (let p: usize = 0; p < (<usize>permutations) << 2; p += 64) {
    const a0 = v128.load(a + p)
    const a1 = v128.load(a + p, 16)
    const a2 = v128.load(a + p, 32)
    const a3 = v128.load(a + p, 48)
    const b0 = v128.load(b + p)
    const b1 = v128.load(b + p, 16)
    const b2 = v128.load(b + p, 32)
    const b3 = v128.load(b + p, 48)
    let m0 = i32x4.splat(-1)
    let m1 = m0
    let m2 = m0
    let m3 = m0
    for (let at = hashes; at < end; at += 4) {
      const h = v128.load32_splat(at)
      m0 = i32x4.min_u(m0, i32x4.add(i32x4.mul(h, a0), b0))
      m1 = i32x4.min_u(m1, i32x4.add(i32x4.mul(h, a1), b1))
      m2 = i32x4.min_u(m2, i32x4.add(i32x4.mul(h, a2), b2))
      m3 = i32x4.min_u(m3, i32x4.add(i32x4.mul(h, a3), b3))
    }
    v128.store(out + p, m0)
    v128.store(out + p, m1, 16)
    v128.store(out + p, m2, 32)
    v128.store(out + p, m3, 48)
  }
}

// Signatures of `count` texts that lie one after another at `text`, and the keys of their bands; `ends` holds the unit behind each text.
export function sketches(
  text: usize,
  ends: usize,
  count: i32,
  n: i32,
  a: usize,
  b: usize,
  permutations: i32,
  out: usize,
  bands: i32,
  rows: i32,
  keys: usize,
  work: usize,
): void {
  let start: u32 = 0
  for (let i = 0; i < count; i++) {
    const end = load<u32>(ends + ((<usize>i) << 2))
    const hashes = shingles(text + ((<usize>start) << 1), end - start, work, n)
    minima(work, hashes, a, b, permutations, out)
    bandKeys(out, bands, rows, keys + ((<usize>i) << 3), (<usize>count) << 3)
    out += (<usize>permutations) << 2
    start = end
  }
}

// Keys of the bands of one signature, u64, `step` bytes apart: the number that bandKeys of src/dedup/lsh.ts gives.
function bandKeys(signature: usize, bands: i32, rows: i32, out: usize, step: usize): void {
  for (let band = 0; band < bands; band++) {
    let first: u32 = 0
    let second: u32 = band
    for (let row = 0; row < rows; row++) {
      const value = load<u32>(signature)
      first = first * 0x9e3779b1 + value
      second = second * 0x85ebca77 + value
      signature += 4
    }
    store<u64>(out, ((<u64>mix(first)) << 21) | (mix(second) >> 11))
    out += step
  }
}

// Items whose key an earlier item has, ascending, each followed by the first item with that key, as u32 behind their number (u64) at `out`. The
// table has `slots` words, a power of two above `count`.
export function repeats(keys: usize, count: i32, table: usize, slots: i32, out: usize): void {
  memory.fill(table, 0, (<usize>slots) << 2)
  let found: u64 = 0
  for (let i = 0; i < count; i++) {
    const key = load<u64>(keys + ((<usize>i) << 3))
    let slot = <i32>(key >> 21) & (slots - 1)
    let held: u32 = 0
    for (;;) {
      held = load<u32>(table + ((<usize>slot) << 2))
      if (held === 0 || load<u64>(keys + ((<usize>(held - 1)) << 3)) === key) break
      slot = (slot + 1) & (slots - 1)
    }
    if (held === 0) store<u32>(table + ((<usize>slot) << 2), i + 1)
    else {
      found++
      store<u32>(out + ((<usize>found) << 3), i)
      store<u32>(out + ((<usize>found) << 3), held - 1, 4)
    }
  }
  store<u64>(out, found)
}

// A slot of the table holds the number of a hash, counted from 1; this bit says that the second set has it too.
const inBoth: u32 = 0x80000000

// Members that two lists of hashes share, as sets: `first` hashes and behind them `second` ones. Their union is counted in `union`. The table
// has `slots` words, a power of two above the number of hashes, all zero.
export function overlap(hashes: usize, first: i32, second: i32, table: usize, slots: i32, union: usize): i32 {
  let distinct = 0
  let shared = 0
  for (let i = 0; i < first + second; i++) {
    const hash = load<u32>(hashes + ((<usize>i) << 2))
    let slot = hash & (slots - 1)
    let held: u32 = 0
    for (;;) {
      held = load<u32>(table + ((<usize>slot) << 2))
      if (held === 0) break
      if (load<u32>(hashes + ((<usize>((held & ~inBoth) - 1)) << 2)) === hash) break
      slot = (slot + 1) & (slots - 1)
    }
    if (held === 0) {
      store<u32>(table + ((<usize>slot) << 2), i + 1)
      distinct++
    } else if (i >= first && held <= <u32>first) {
      store<u32>(table + ((<usize>slot) << 2), held | inBoth)
      shared++
    }
  }
  store<i32>(union, distinct)
  return shared
}

// Jaccard similarities, f64, of `count` pairs of texts that lie one after another at `text`; `ends` holds the unit behind each text.
export function similarities(text: usize, ends: usize, count: i32, n: i32, out: usize, work: usize): void {
  let start: u32 = 0
  for (let i = 0; i < count; i++) {
    const middle = load<u32>(ends)
    const end = load<u32>(ends, 4)
    const first = shingles(text + ((<usize>start) << 1), middle - start, work, n)
    const second = shingles(text + ((<usize>middle) << 1), end - middle, work + ((<usize>first) << 2), n)
    store<f64>(out, similarity(work, first, second, out))
    out += 8
    ends += 8
    start = end
  }
}

// Shared members of two lists of hashes over those of their union; 1 where both are empty. Uses the word at `union` and the memory behind the hashes.
function similarity(hashes: usize, first: i32, second: i32, union: usize): f64 {
  const count = first + second
  if (count === 0) return 1
  const slots = 1 << (32 - clz<i32>(2 * count - 1))
  const table = hashes + ((<usize>count) << 2)
  memory.fill(table, 0, (<usize>slots) << 2)
  const shared = overlap(hashes, first, second, table, slots, union)
  return <f64>shared / <f64>load<i32>(union)
}
