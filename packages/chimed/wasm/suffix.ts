// Suffix sorting by induced copying (SA-IS, Nong, Zhang and Chan 2009), on raw addresses (AssemblyScript).
// Symbols are bytes or u32; the end of the text counts as smaller than every symbol. Memory beside text and order: two words per
// distinct symbol and level.

// First free address; grows the memory when needed.
let free: usize = 0

function allocate(bytes: usize): usize {
  const address = (free + 15) & ~15
  free = address + bytes
  const missing = <i32>((free + 65535) >> 16) - memory.size()
  if (missing > 0 && memory.grow(missing) < 0) unreachable()
  return address
}

function symbol<T>(text: usize, i: i32): u32 {
  if (sizeof<T>() === 1) return load<u8>(text + <usize>i)
  return load<u32>(text + ((<usize>i) << 2))
}

function get(list: usize, i: i32): i32 {
  return load<i32>(list + ((<usize>i) << 2))
}

function set(list: usize, i: i32, value: i32): void {
  store<i32>(list + ((<usize>i) << 2), value)
}

function countSymbols<T>(text: usize, n: i32, counts: usize, symbols: i32): void {
  memory.fill(counts, 0, (<usize>symbols) << 2)
  for (let i = 0; i < n; i++) {
    const c = symbol<T>(text, i)
    set(counts, c, get(counts, c) + 1)
  }
}

// Where the bucket of each symbol begins.
function bucketStarts(counts: usize, buckets: usize, symbols: i32): void {
  let sum = 0
  for (let c = 0; c < symbols; c++) {
    set(buckets, c, sum)
    sum += get(counts, c)
  }
}

// Where the bucket of each symbol ends.
function bucketEnds(counts: usize, buckets: usize, symbols: i32): void {
  let sum = 0
  for (let c = 0; c < symbols; c++) {
    sum += get(counts, c)
    set(buckets, c, sum)
  }
}

// Sorts the beginnings between neighbouring leftmost-S places. Afterwards the order holds the complement of each such place, sorted, among zeros.
function induceBeginnings<T>(text: usize, order: usize, n: i32, counts: usize, buckets: usize, symbols: i32): void {
  bucketStarts(counts, buckets, symbols)
  let current = symbol<T>(text, n - 1)
  let slot = get(buckets, current)
  set(order, slot++, n > 1 && symbol<T>(text, n - 2) < current ? ~(n - 1) : n - 1)
  for (let i = 0; i < n; i++) {
    const entry = get(order, i)
    if (entry > 0) {
      set(order, i, 0)
      const place = entry - 1
      const c = symbol<T>(text, place)
      if (c !== current) {
        set(buckets, current, slot)
        current = c
        slot = get(buckets, current)
      }
      set(order, slot++, place > 0 && symbol<T>(text, place - 1) < c ? ~place : place)
    } else if (entry < 0) set(order, i, ~entry)
  }
  bucketEnds(counts, buckets, symbols)
  current = 0
  slot = get(buckets, 0)
  for (let i = n - 1; i >= 0; i--) {
    const entry = get(order, i)
    if (entry <= 0) continue
    set(order, i, 0)
    const place = entry - 1
    const c = symbol<T>(text, place)
    if (c !== current) {
      set(buckets, current, slot)
      current = c
      slot = get(buckets, current)
    }
    set(order, --slot, place > 0 && symbol<T>(text, place - 1) > c ? ~place : place)
  }
}

// Completes the order from its sorted leftmost-S places.
function induceAll<T>(text: usize, order: usize, n: i32, counts: usize, buckets: usize, symbols: i32): void {
  bucketStarts(counts, buckets, symbols)
  let current = symbol<T>(text, n - 1)
  let slot = get(buckets, current)
  set(order, slot++, n > 1 && symbol<T>(text, n - 2) < current ? ~(n - 1) : n - 1)
  for (let i = 0; i < n; i++) {
    const entry = get(order, i)
    set(order, i, ~entry)
    if (entry <= 0) continue
    const place = entry - 1
    const c = symbol<T>(text, place)
    if (c !== current) {
      set(buckets, current, slot)
      current = c
      slot = get(buckets, current)
    }
    set(order, slot++, place > 0 && symbol<T>(text, place - 1) < c ? ~place : place)
  }
  bucketEnds(counts, buckets, symbols)
  current = 0
  slot = get(buckets, 0)
  for (let i = n - 1; i >= 0; i--) {
    const entry = get(order, i)
    if (entry <= 0) {
      set(order, i, ~entry)
      continue
    }
    const place = entry - 1
    const c = symbol<T>(text, place)
    if (c !== current) {
      set(buckets, current, slot)
      current = c
      slot = get(buckets, current)
    }
    set(order, --slot, place === 0 || symbol<T>(text, place - 1) > c ? ~place : place)
  }
}

// Sorts the suffixes of a text of n symbols below `symbols` into `order`.
function sort<T>(text: usize, order: usize, n: i32, symbols: i32): void {
  if (n <= 1) {
    if (n === 1) set(order, 0, 0)
    return
  }
  const mark = free
  const counts = allocate((<usize>symbols) << 2)
  const buckets = allocate((<usize>symbols) << 2)
  countSymbols<T>(text, n, counts, symbols)

  // Leftmost-S places to the ends of their buckets.
  memory.fill(order, 0, (<usize>n) << 2)
  bucketEnds(counts, buckets, symbols)
  let places = 0
  let rising = false
  let next = symbol<T>(text, n - 1)
  for (let i = n - 2; i >= 0; i--) {
    const c = symbol<T>(text, i)
    if (c < next || (c === next && rising)) rising = true
    else {
      if (rising) {
        const slot = get(buckets, next) - 1
        set(buckets, next, slot)
        set(order, slot, i + 1)
        places++
      }
      rising = false
    }
    next = c
  }

  if (places > 1) {
    induceBeginnings<T>(text, order, n, counts, buckets, symbols)
    const names = nameBeginnings<T>(text, order, n, places)
    const reduced = order + ((<usize>(n - places)) << 2)
    if (names < places) sort<u32>(reduced, order, places, names)
    else for (let i = 0; i < places; i++) set(order, get(reduced, i), i)
    listPlaces<T>(text, reduced, n, places)
    for (let i = 0; i < places; i++) set(order, i, get(reduced, get(order, i)))
    // The sorted places to the ends of their buckets, last first.
    memory.fill(order + ((<usize>places) << 2), 0, (<usize>(n - places)) << 2)
    bucketEnds(counts, buckets, symbols)
    for (let i = places - 1; i >= 0; i--) {
      const place = get(order, i)
      set(order, i, 0)
      const c = symbol<T>(text, place)
      const slot = get(buckets, c) - 1
      set(buckets, c, slot)
      set(order, slot, place)
    }
  }
  induceAll<T>(text, order, n, counts, buckets, symbols)
  free = mark
}

// Gathers the sorted places at the front and writes the reduced text (a name for each place, in text order) to the back of `order`. Names are
// equal where the text up to and including the next place is. Returns the number of names.
function nameBeginnings<T>(text: usize, order: usize, n: i32, places: i32): i32 {
  for (let i = 0, k = 0; k < places; i++) {
    const entry = get(order, i)
    if (entry < 0) set(order, k++, ~entry)
  }
  // Places lie two or more apart, so half of a place is its own slot behind the front.
  memory.fill(order + ((<usize>places) << 2), 0, (<usize>(n - places)) << 2)
  const lengths = order + ((<usize>places) << 2)
  let rising = false
  let next = symbol<T>(text, n - 1)
  let after = n
  for (let i = n - 2; i >= 0; i--) {
    const c = symbol<T>(text, i)
    if (c < next || (c === next && rising)) rising = true
    else {
      if (rising) {
        set(lengths, (i + 1) >> 1, after - (i + 1))
        after = i + 1
      }
      rising = false
    }
    next = c
  }
  let names = 0
  let before = -1
  let beforeLength = 0
  for (let i = 0; i < places; i++) {
    const place = get(order, i)
    const length = get(lengths, place >> 1)
    let same = before >= 0 && length === beforeLength && place + length < n && before + length < n
    for (let k = 0; same && k <= length; k++) same = symbol<T>(text, place + k) === symbol<T>(text, before + k)
    if (!same) names++
    set(lengths, place >> 1, names)
    before = place
    beforeLength = length
  }
  for (let i = (n >> 1) - 1 + (n & 1), k = n - 1; i >= 0; i--) {
    const name = get(lengths, i)
    if (name > 0) set(order, k--, name - 1)
  }
  return names
}

// Leftmost-S places in text order.
function listPlaces<T>(text: usize, list: usize, n: i32, places: i32): void {
  let rising = false
  let next = symbol<T>(text, n - 1)
  let k = places
  for (let i = n - 2; i >= 0; i--) {
    const c = symbol<T>(text, i)
    if (c < next || (c === next && rising)) rising = true
    else {
      if (rising) set(list, --k, i + 1)
      rising = false
    }
    next = c
  }
}

// Order of the suffixes of n bytes. `work` is the first free address.
export function sortBytes(text: usize, order: usize, n: i32, work: usize): void {
  free = work
  sort<u8>(text, order, n, 256)
}

// Order of the suffixes of n numbers below `symbols`.
export function sortNumbers(text: usize, order: usize, n: i32, symbols: i32, work: usize): void {
  free = work
  sort<u32>(text, order, n, symbols)
}
