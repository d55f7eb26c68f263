// AssemblyScript, compiled by ../scripts/build-kernel.mjs into src/dense/kernel.ts. Memory is imported.

/** out[r] = row r · query as int32, for `count` rows of `stride` int8 (a multiple of 16) and a query of as many int16. */
export function dots(query: usize, rows: usize, count: i32, stride: i32, out: usize): void {
  const bytes = <usize>stride
  let row = rows
  for (let r = 0; r < count; r++) {
    let a = i32x4.splat(0)
    let b = i32x4.splat(0)
    for (let i: usize = 0; i < bytes; i += 16) {
      const v = v128.load(row + i)
      a = i32x4.add(a, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(v), v128.load(query + (i << 1))))
      b = i32x4.add(b, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(v), v128.load(query + (i << 1), 16)))
    }
    const s = i32x4.add(a, b)
    store<i32>(
      out,
      i32x4.extract_lane(s, 0) + i32x4.extract_lane(s, 1) + (i32x4.extract_lane(s, 2) + i32x4.extract_lane(s, 3)),
    )
    row += bytes
    out += 4
  }
}
