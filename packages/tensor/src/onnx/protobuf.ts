/** Writes protobuf wire format into one growing buffer; nested messages are written in place and prefixed afterwards. */
export class ProtobufWriter {
  private buffer: Uint8Array
  private length = 0

  constructor(capacity = 1024) {
    this.buffer = new Uint8Array(capacity)
  }

  /** Bytes written so far; a view, valid until the next write. */
  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length)
  }

  /** A varint field: an integer in ±2^53. */
  int(field: number, value: number): void {
    this.varint(field << 3)
    this.varint(value)
  }

  /** A float field. */
  float(field: number, value: number): void {
    this.varint((field << 3) | 5)
    this.reserve(4)
    new DataView(this.buffer.buffer).setFloat32(this.length, value, true)
    this.length += 4
  }

  /** A length-delimited field with the given bytes. */
  raw(field: number, bytes: Uint8Array): void {
    this.varint((field << 3) | 2)
    this.varint(bytes.length)
    this.reserve(bytes.length)
    this.buffer.set(bytes, this.length)
    this.length += bytes.length
  }

  /** A string field. */
  text(field: number, value: string): void {
    this.raw(field, encoder.encode(value))
  }

  /** A nested message; `write` fills it through this same writer. */
  message(field: number, write: () => void): void {
    this.varint((field << 3) | 2)
    const start = this.length
    write()
    this.insertLength(start)
  }

  private insertLength(start: number): void {
    const size = this.length - start
    const prefix = varintBytes(size)
    this.reserve(prefix)
    this.buffer.copyWithin(start + prefix, start, this.length)
    const end = this.length + prefix
    this.length = start
    this.varint(size)
    this.length = end
  }

  private varint(value: number): void {
    this.reserve(10)
    if (value < 0) this.negative(value)
    else this.positive(value)
  }

  private positive(value: number): void {
    let rest = value
    while (rest >= 128) {
      this.buffer[this.length++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.buffer[this.length++] = rest
  }

  private negative(value: number): void {
    let rest = BigInt.asUintN(64, BigInt(value))
    while (rest >= 128n) {
      this.buffer[this.length++] = Number(rest & 127n) | 128
      rest >>= 7n
    }
    this.buffer[this.length++] = Number(rest)
  }

  private reserve(extra: number): void {
    if (this.length + extra <= this.buffer.length) return
    const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + extra))
    larger.set(this.buffer.subarray(0, this.length))
    this.buffer = larger
  }
}

const encoder = new TextEncoder()

const varintBytes = (value: number): number => {
  let bytes = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++
  return bytes
}
