/** For each row the row before it with the same first `width` numbers, or -1: equal rows hang together as chains. */
export function chains(rows: Uint32Array, stride: number, width: number): { readonly before: Int32Array } {
  const count = rows.length / stride
  const slots = 1 << Math.max(4, Math.ceil(Math.log2(count * 2 + 1)))
  const heads = new Int32Array(slots).fill(-1)
  const before = new Int32Array(count)
  const same = (a: number, b: number): boolean => {
    for (let word = 0; word < width; word++) if (rows[a * stride + word] !== rows[b * stride + word]) return false
    return true
  }
  for (let row = 0; row < count; row++) {
    let slot = (rows[row * stride + width - 1]! ^ Math.imul(rows[row * stride]!, 0x9e3779b1)) & (slots - 1)
    while (heads[slot]! >= 0 && !same(heads[slot]!, row)) slot = (slot + 1) & (slots - 1)
    before[row] = heads[slot]!
    heads[slot] = row
  }
  return { before }
}
