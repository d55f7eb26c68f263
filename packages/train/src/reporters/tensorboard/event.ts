/** First event of every file. */
export const versionHeader = (wallTime: number): Uint8Array =>
  message([double(1, wallTime), bytes(3, new TextEncoder().encode('brain.Event:2'))])

/** Scalars of one step, by tag. */
export const summary = (wallTime: number, step: number, values: Readonly<Record<string, number>>): Uint8Array => {
  const scalars = Object.entries(values).map(([tag, value]) =>
    bytes(1, message([bytes(1, new TextEncoder().encode(tag)), float(2, value)])),
  )
  return message([double(1, wallTime), varint(2, step), bytes(5, message(scalars))])
}

/** Start of a session: TensorBoard drops what it knows of `step` and later ones. */
export const sessionStart = (wallTime: number, step: number): Uint8Array =>
  message([double(1, wallTime), varint(2, step), bytes(7, message([varint(1, 1)]))])

// The wire format of tensorflow/core/util/event.proto: a key (field · 8 + wire type) before each value.

const message = (fields: readonly Uint8Array[]): Uint8Array => {
  const joined = new Uint8Array(fields.reduce((size, { length }) => size + length, 0))
  let at = 0
  for (const field of fields) {
    joined.set(field, at)
    at += field.length
  }
  return joined
}

/** Seven bits a byte, lowest first; numbers up to 2^53. */
const variable = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...variable(Math.floor(value / 128))]

const varint = (field: number, value: number): Uint8Array => Uint8Array.from([field * 8, ...variable(value)])

const bytes = (field: number, data: Uint8Array): Uint8Array =>
  message([Uint8Array.from([field * 8 + 2, ...variable(data.length)]), data])

const double = (field: number, value: number): Uint8Array => {
  const view = new DataView(new ArrayBuffer(9))
  view.setUint8(0, field * 8 + 1)
  view.setFloat64(1, value, true)
  return new Uint8Array(view.buffer)
}

const float = (field: number, value: number): Uint8Array => {
  const view = new DataView(new ArrayBuffer(5))
  view.setUint8(0, field * 8 + 5)
  view.setFloat32(1, value, true)
  return new Uint8Array(view.buffer)
}
