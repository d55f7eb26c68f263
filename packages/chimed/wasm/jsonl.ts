// One field of each object of JSONL, on raw addresses (AssemblyScript, SIMD). The bytes must be valid UTF-8, and 16 bytes behind them readable.

// What is known of a line; the two numbers of its record.
const wide = 0 // a string: its UTF-16
const narrow = 1 // a string whose units are all below 0x100: one byte for each
const missing = 2 // no such field
const unread = 3 // to be read by a whole parser: the bytes of the line
const json = 4 // a value that is no string: its bytes
const recordBytes: usize = 12

let out: usize = 0 // next unit of text
let record: usize = 0 // next record
let highest: u32 = 0 // bits of the units of the latest string

function reserve(end: usize): void {
  const pages = <i32>((end + 65535) >> 16) - memory.size()
  if (pages > 0 && memory.grow(pages) < 0) unreachable()
}

function tell(kind: i32, from: usize, to: usize): void {
  reserve(record + recordBytes)
  store<i32>(record, kind)
  store<u32>(record, <u32>from, 4)
  store<u32>(record, <u32>to, 8)
  record += recordBytes
}

function skipBlank(at: usize, end: usize): usize {
  while (at < end && load<u8>(at) <= 0x20) at++
  return at
}

// The next quote, backslash or control character.
function nextSpecial(at: usize, end: usize): usize {
  const quotes = i8x16.splat(0x22)
  const backslashes = i8x16.splat(0x5c)
  const blanks = i8x16.splat(0x20)
  for (; at < end; at += 16) {
    const bytes = v128.load(at)
    const found = v128.or(v128.or(i8x16.eq(bytes, quotes), i8x16.eq(bytes, backslashes)), i8x16.lt_u(bytes, blanks))
    const mask = i8x16.bitmask(found)
    if (mask !== 0) return min(end, at + ctz(mask))
  }
  return end
}

function nextLine(at: usize, end: usize): usize {
  const newlines = i8x16.splat(0x0a)
  for (; at < end; at += 16) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(at), newlines))
    if (mask !== 0) return min(end, at + ctz(mask))
  }
  return end
}

// Where the string that begins at `at` is closed; `end` when it is not. Control characters in it are not looked at.
function stringEnd(at: usize, end: usize): usize {
  while (at < end) {
    at = nextSpecial(at, end)
    const byte = load<u8>(at)
    if (at < end && byte === 0x22) return at
    at += byte === 0x5c ? 2 : 1
  }
  return end
}

// Behind the bracket that closes the one at `at`.
function nestedEnd(at: usize, end: usize): usize {
  let depth = 0
  for (; at < end; at++) {
    const byte = load<u8>(at)
    if (byte === 0x22) at = stringEnd(at + 1, end)
    else if (byte === 0x7b || byte === 0x5b) depth++
    else if ((byte === 0x7d || byte === 0x5d) && --depth === 0) return at + 1
  }
  return end
}

function scalarEnd(at: usize, end: usize): usize {
  while (at < end && load<u8>(at) !== 0x2c && load<u8>(at) !== 0x7d) at++
  return at
}

function same(a: usize, b: usize, length: usize): boolean {
  for (let i: usize = 0; i < length; i++) if (load<u8>(a + i) !== load<u8>(b + i)) return false
  return true
}

function unit(code: u32): void {
  store<u16>(out, <u16>code)
  out += 2
  highest |= code
}

function hexDigit(byte: u32): u32 {
  if (byte - 0x30 < 10) return byte - 0x30
  const letter = (byte | 0x20) - 0x61
  return letter < 6 ? letter + 10 : 0x10000
}

// The unit of an escape whose backslash lies at `at`; above 0xffff when there is no such escape.
function escaped(at: usize): u32 {
  const byte: u32 = load<u8>(at, 1)
  if (byte === 0x22 || byte === 0x5c || byte === 0x2f) return byte
  if (byte === 0x6e) return 0x0a
  if (byte === 0x74) return 0x09
  if (byte === 0x72) return 0x0d
  if (byte === 0x62) return 0x08
  if (byte === 0x66) return 0x0c
  if (byte !== 0x75) return 0x10000
  const high = (hexDigit(load<u8>(at, 2)) << 12) | (hexDigit(load<u8>(at, 3)) << 8)
  const low = (hexDigit(load<u8>(at, 4)) << 4) | hexDigit(load<u8>(at, 5))
  return high | low
}

// Writes the string that begins at `at` as UTF-16 and returns where it is closed, or `end` when it is not or has what JSON does not allow.
function transcode(at: usize, end: usize): usize {
  while (at < end) {
    const first: u32 = load<u8>(at)
    if (first >= 0xe0) {
      const bytes = load<u32>(at)
      if (first < 0xf0) {
        unit(((first & 15) << 12) | ((bytes >> 2) & 0xfc0) | ((bytes >> 16) & 0x3f))
        at += 3
      } else {
        const code =
          ((first & 7) << 18) | ((bytes & 0x3f00) << 4) | (((bytes >> 16) & 0x3f) << 6) | ((bytes >> 24) & 0x3f)
        unit(0xd7c0 + (code >> 10))
        unit(0xdc00 | (code & 0x3ff))
        at += 4
      }
    } else if (first >= 0x80) {
      unit(((first & 31) << 6) | (load<u8>(at, 1) & 0x3f))
      at += 2
    } else if (first === 0x22) return at
    else if (first === 0x5c) {
      const code = escaped(at)
      if (code > 0xffff) return end
      unit(code)
      at += load<u8>(at, 1) === 0x75 ? 6 : 2
    } else if (first < 0x20) return end
    else {
      unit(first)
      at++
    }
  }
  return end
}

// Makes one byte of each unit, in place; returns where they end.
function halve(from: usize, to: usize): usize {
  let at = from
  for (let unit = from; unit < to; unit += 2) store<u8>(at++, load<u8>(unit))
  return at
}

// One line; false when it needs a whole parser.
function line(start: usize, end: usize, key: usize, keyLength: usize): boolean {
  let at = skipBlank(start, end)
  if (at >= end || load<u8>(at) !== 0x7b) return false
  let kind = missing
  let from: usize = 0
  let to: usize = 0
  at = skipBlank(at + 1, end)
  while (at < end && load<u8>(at) === 0x22) {
    const keyStart = at + 1
    const keyEnd = nextSpecial(keyStart, end)
    if (keyEnd >= end || load<u8>(keyEnd) !== 0x22) return false
    const found = keyEnd - keyStart === keyLength && same(keyStart, key, keyLength)
    at = skipBlank(keyEnd + 1, end)
    if (at >= end || load<u8>(at) !== 0x3a) return false
    at = skipBlank(at + 1, end)
    if (at >= end) return false
    const byte = load<u8>(at)
    if (byte === 0x22) {
      if (found) {
        from = out
        highest = 0
        at = transcode(at + 1, end)
        to = out
        kind = wide
        if (highest < 0x100) {
          kind = narrow
          to = halve(from, to)
        }
      } else at = stringEnd(at + 1, end)
      if (at >= end) return false
      at++
    } else {
      const value = at
      at = byte === 0x7b || byte === 0x5b ? nestedEnd(at, end) : scalarEnd(at, end)
      if (found) {
        kind = json
        from = value
        to = at
      }
    }
    at = skipBlank(at, end)
    if (at >= end || load<u8>(at) !== 0x2c) break
    at = skipBlank(at + 1, end)
  }
  if (at >= end || load<u8>(at) !== 0x7d || skipBlank(at + 1, end) < end) return false
  tell(kind, from, to)
  return true
}

// Scans the lines in [from, end): a record for each at `records`, strings as UTF-16 at `text` (two bytes of room for each byte). Returns the
// number of records.
export function scan(from: usize, end: usize, key: usize, keyLength: usize, text: usize, records: usize): i32 {
  out = text
  record = records
  while (from < end) {
    const stop = nextLine(from, end)
    if (!line(from, stop, key, keyLength)) tell(unread, from, stop)
    from = stop + 1
  }
  return <i32>((record - records) / recordBytes)
}
