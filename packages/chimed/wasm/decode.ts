// UTF-8 and GB18030 to UTF-16, on raw addresses (AssemblyScript, SIMD). 16 bytes behind the input must be readable; the output needs two bytes
// for each byte of input.

let out: usize = 0

// Copies as many units of ASCII as there are at `at`, 16 at a time; returns what is behind them.
function ascii(at: usize, end: usize): usize {
  while (at + 16 <= end) {
    const bytes = v128.load(at)
    if (v128.any_true(v128.and(bytes, i8x16.splat(-128)))) break
    v128.store(out, i16x8.extend_low_i8x16_u(bytes))
    v128.store(out, i16x8.extend_high_i8x16_u(bytes), 16)
    out += 32
    at += 16
  }
  return at
}

function unit(code: u32): void {
  store<u16>(out, <u16>code)
  out += 2
}

// Units of the valid UTF-8 in [at, end), written to `to`; returns the address behind them.
export function utf8(at: usize, end: usize, to: usize): usize {
  out = to
  while (at < end) {
    const first: u32 = load<u8>(at)
    if (first < 0x80) {
      at = ascii(at, end)
      if (at < end && load<u8>(at) < 0x80) {
        unit(load<u8>(at))
        at++
      }
    } else if (first < 0xe0) {
      unit(((first & 31) << 6) | (load<u8>(at, 1) & 0x3f))
      at += 2
    } else if (first < 0xf0) {
      const bytes = load<u32>(at)
      unit(((first & 15) << 12) | ((bytes >> 2) & 0xfc0) | ((bytes >> 16) & 0x3f))
      at += 3
    } else {
      const bytes = load<u32>(at)
      const code =
        ((first & 7) << 18) | ((bytes & 0x3f00) << 4) | (((bytes >> 16) & 0x3f) << 6) | ((bytes >> 24) & 0x3f)
      unit(0xd7c0 + (code >> 10))
      unit(0xdc00 | (code & 0x3ff))
      at += 4
    }
  }
  return out
}

// Units of the ASCII and two-byte sequences of GB18030 from `at` on, written to `to`. Stops before the first sequence that is neither, or ends behind
// `end`, and returns where; the address behind the units is stored at `result`. `table` has the unit of each two bytes, 0 for none.
export function gb18030(at: usize, end: usize, table: usize, to: usize, result: usize): usize {
  out = to
  while (at < end) {
    const first: u32 = load<u8>(at)
    if (first < 0x80) {
      at = ascii(at, end)
      if (at < end && load<u8>(at) < 0x80) {
        unit(load<u8>(at))
        at++
      }
      continue
    }
    if (at + 1 >= end) break
    const code = load<u16>(table + ((<usize>load<u16>(at)) << 1))
    if (code === 0) break
    unit(code)
    at += 2
  }
  store<u32>(result, <u32>out)
  return at
}
