// Windows of one length that occur more than once, on raw addresses (AssemblyScript). Every window is known by its anchor: the last of its
// n-grams with the least hash. Equal windows have equal anchors, so only windows whose anchors are equal are compared. Symbols are u8, u16 or u32.

// Multiplier of the rolling polynomial modulo 2^64.
const base: u64 = ((<u64>0x9e3779b9) << 32) | 0x7f4a7c15

// An anchor: hash of its n-gram (u64), first window that has it (u32), number of such windows, one behind the other (u32).
const anchorBytes: usize = 16

function reserve(end: usize): void {
  const missing = <i32>((end + 65535) >> 16) - memory.size()
  if (missing > 0 && memory.grow(missing) < 0) unreachable()
}

function symbol<T>(text: usize, i: u32): u64 {
  return <u64>load<T>(text + <usize>i * sizeof<T>())
}

const mixer: u64 = ((<u64>0xd6e8feb8) << 32) | 0x6659fd93

function mix(hash: u64): u64 {
  let h = hash ^ (hash >> 32)
  h *= mixer
  return h ^ (h >> 32)
}

function power(exponent: u32): u64 {
  let result: u64 = 1
  for (let i: u32 = 0; i < exponent; i++) result *= base
  return result
}

// Writes the anchors of the windows that begin in [from, to - length] to `out` and returns the address behind them. `ring` holds a power of two
// of hashes (u64), as many as n-grams in a window or more.
function anchors<T>(
  text: usize,
  from: u32,
  to: u32,
  length: u32,
  gram: u32,
  ring: usize,
  mask: u32,
  out: usize,
): usize {
  const last = length - gram // from the first n-gram of a window to its last one
  const top = power(gram - 1)
  let hash: u64 = 0
  for (let i: u32 = 0; i < gram - 1; i++) hash = hash * base + symbol<T>(text, from + i)
  let best = from
  let least: u64 = 0
  let bestHash: u64 = 0
  let open = from // first window of the current anchor
  let current: u32 = 0xffffffff // place of the current anchor
  let currentHash: u64 = 0
  for (let place = from; place + gram <= to; place++) {
    hash = hash * base + symbol<T>(text, place + gram - 1)
    store<u64>(ring + ((<usize>(place & mask)) << 3), hash)
    const order = mix(hash)
    if (place === from || order <= least) {
      best = place
      least = order
      bestHash = hash
    }
    hash -= symbol<T>(text, place) * top
    if (place < from + last) continue
    const window = place - last
    if (best < window) {
      best = window
      bestHash = load<u64>(ring + ((<usize>(window & mask)) << 3))
      least = mix(bestHash)
      for (let other = window + 1; other <= place; other++) {
        const otherHash = load<u64>(ring + ((<usize>(other & mask)) << 3))
        const otherOrder = mix(otherHash)
        if (otherOrder <= least) {
          best = other
          least = otherOrder
          bestHash = otherHash
        }
      }
    }
    if (best === current) continue
    if (current !== 0xffffffff) {
      out = emit(out, currentHash, open, window - open)
    }
    current = best
    currentHash = bestHash
    open = window
  }
  return emit(out, currentHash, open, to - length + 1 - open)
}

function emit(out: usize, hash: u64, start: u32, count: u32): usize {
  reserve(out + anchorBytes)
  store<u64>(out, hash)
  store<u32>(out, start, 8)
  store<u32>(out, count, 12)
  return out + anchorBytes
}

export function anchorsOfBytes(
  text: usize,
  from: u32,
  to: u32,
  length: u32,
  gram: u32,
  ring: usize,
  mask: u32,
  out: usize,
): usize {
  return anchors<u8>(text, from, to, length, gram, ring, mask, out)
}

export function anchorsOfShorts(
  text: usize,
  from: u32,
  to: u32,
  length: u32,
  gram: u32,
  ring: usize,
  mask: u32,
  out: usize,
): usize {
  return anchors<u16>(text, from, to, length, gram, ring, mask, out)
}

export function anchorsOfWords(
  text: usize,
  from: u32,
  to: u32,
  length: u32,
  gram: u32,
  ring: usize,
  mask: u32,
  out: usize,
): usize {
  return anchors<u32>(text, from, to, length, gram, ring, mask, out)
}

// Puts anchors [from, to) into lists of those with equal hashes. A list is a ring in ascending order; `table` (`slots` words, zero at first, a
// power of two) holds the number of its last anchor, counted from 1, and `next` what comes behind each.
export function groupAnchors(list: usize, from: u32, to: u32, table: usize, slots: u32, next: usize): void {
  for (let i = from; i < to; i++) {
    const hash = load<u64>(list + <usize>i * anchorBytes)
    let at = table + ((<usize>(<u32>mix(hash) & (slots - 1))) << 2)
    let held = load<u32>(at)
    while (held !== 0 && load<u64>(list + <usize>(held - 1) * anchorBytes) !== hash) {
      at = at + 4 === table + ((<usize>slots) << 2) ? table : at + 4
      held = load<u32>(at)
    }
    const after = next + ((<usize>i) << 2)
    if (held === 0) store<u32>(after, i)
    else {
      const behindLast = next + ((<usize>(held - 1)) << 2)
      store<u32>(after, load<u32>(behindLast))
      store<u32>(behindLast, i)
    }
    store<u32>(at, i + 1)
  }
}

// Slots of the table of windows at most; a group that needs more is done in several rounds, each with its share of the hashes.
const mostSlots: u64 = 1 << 24

// Marks the windows that occur more than once among the groups in slots [from, to) of the table: all of them in the bits `all`, and those but the
// first of equal ones in `later`. `work` is the first free address.
function mark<T>(
  text: usize,
  length: u32,
  list: usize,
  table: usize,
  from: u32,
  to: u32,
  next: usize,
  all: usize,
  later: usize,
  work: usize,
): void {
  for (let slot = from; slot < to; slot++) {
    const held = load<u32>(table + ((<usize>slot) << 2))
    if (held === 0) continue
    const first = load<u32>(next + ((<usize>(held - 1)) << 2))
    if (first === held - 1) continue
    let windows: u64 = 0
    let i = first
    do {
      windows += load<u32>(list + <usize>i * anchorBytes, 12)
      i = load<u32>(next + ((<usize>i) << 2))
    } while (i !== first)
    let slots: u64 = 16
    while (slots < windows * 2 && slots < mostSlots) slots <<= 1
    let rounds: u64 = 1
    while (rounds * slots < windows * 2) rounds <<= 1
    reserve(work + ((<usize>slots) << 3))
    for (let round: u64 = 0; round < rounds; round++)
      markGroup<T>(text, length, list, first, next, all, later, work, <u32>slots, <u32>round, <u32>rounds)
  }
}

function markGroup<T>(
  text: usize,
  length: u32,
  list: usize,
  first: u32,
  next: usize,
  all: usize,
  later: usize,
  table: usize,
  slots: u32,
  round: u32,
  rounds: u32,
): void {
  memory.fill(table, 0, (<usize>slots) << 3)
  const top = power(length - 1)
  let hash: u64 = 0
  let hashed: u32 = 0xffffffff // the window that `hash` belongs to
  let match: u32 = 0xffffffff // what the window before was equal to, the first of its kind
  let matched: u32 = 0xffffffff // the window before
  let i = first
  do {
    const anchor = list + <usize>i * anchorBytes
    const start = load<u32>(anchor, 8)
    const end = start + load<u32>(anchor, 12)
    for (let window = start; window < end; window++) {
      if (hashed !== 0xffffffff && hashed + 1 === window)
        hash = (hash - symbol<T>(text, hashed) * top) * base + symbol<T>(text, window + length - 1)
      else {
        hash = 0
        for (let k: u32 = 0; k < length; k++) hash = hash * base + symbol<T>(text, window + k)
      }
      hashed = window
      const mixed = mix(hash)
      const tag = <u32>(mixed >> 32)
      if ((tag & (rounds - 1)) !== round) continue
      let at = table + ((<usize>(<u32>mixed & (slots - 1))) << 3)
      for (;;) {
        const held = load<u32>(at)
        if (held === 0) {
          store<u32>(at, window + 1)
          store<u32>(at, tag, 4)
          break
        }
        if (load<u32>(at, 4) === tag) {
          const other = held - 1
          const known = matched + 1 === window && match + 1 === other ? length - 1 : 0
          if (equal<T>(text, window, other, known, length)) {
            setBit(all, other)
            setBit(all, window)
            setBit(later, window)
            match = other
            matched = window
            break
          }
        }
        at = at + 8 === table + ((<usize>slots) << 3) ? table : at + 8
      }
    }
    i = load<u32>(next + ((<usize>i) << 2))
  } while (i !== first)
}

function equal<T>(text: usize, a: u32, b: u32, from: u32, length: u32): boolean {
  let x = text + <usize>(a + from) * sizeof<T>()
  let y = text + <usize>(b + from) * sizeof<T>()
  const end = text + <usize>(a + length) * sizeof<T>()
  for (; x + 8 <= end; x += 8, y += 8) if (load<u64>(x) !== load<u64>(y)) return false
  for (; x < end; x += sizeof<T>(), y += sizeof<T>()) if (load<T>(x) !== load<T>(y)) return false
  return true
}

function setBit(bits: usize, i: u32): void {
  const at = bits + <usize>(i >> 3)
  store<u8>(at, <u8>(<u32>load<u8>(at) | (1 << (i & 7))))
}

export function markBytes(
  text: usize,
  length: u32,
  list: usize,
  table: usize,
  from: u32,
  to: u32,
  next: usize,
  all: usize,
  later: usize,
  work: usize,
): void {
  mark<u8>(text, length, list, table, from, to, next, all, later, work)
}

export function markShorts(
  text: usize,
  length: u32,
  list: usize,
  table: usize,
  from: u32,
  to: u32,
  next: usize,
  all: usize,
  later: usize,
  work: usize,
): void {
  mark<u16>(text, length, list, table, from, to, next, all, later, work)
}

export function markWords(
  text: usize,
  length: u32,
  list: usize,
  table: usize,
  from: u32,
  to: u32,
  next: usize,
  all: usize,
  later: usize,
  work: usize,
): void {
  mark<u32>(text, length, list, table, from, to, next, all, later, work)
}
