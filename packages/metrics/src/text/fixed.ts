/** `value` with `digits` decimals, exact ties rounded to the even digit as Python's `format` does; `toFixed` rounds them up. */
export function fixed(value: number, digits: number): string {
  const exact = value.toFixed(Math.min(digits + 60, 100))
  const cut = exact.length - Math.min(60, 100 - digits)
  const tail = exact.slice(cut)
  if (!/^50*$/.test(tail)) return value.toFixed(digits)
  const down = digits === 0 ? exact.slice(0, exact.indexOf('.')) : exact.slice(0, cut)
  return Number(down.at(-1)) % 2 === 0 ? down : value.toFixed(digits)
}
