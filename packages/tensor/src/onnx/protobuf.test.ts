import { describe, expect, test } from 'vitest'
import { ProtobufWriter } from './protobuf'

const written = (write: (writer: ProtobufWriter) => void, capacity = 1): number[] => {
  const writer = new ProtobufWriter(capacity)
  write(writer)
  return [...writer.bytes()]
}

describe('ProtobufWriter', () => {
  test('writes the examples of the protobuf encoding guide', () => {
    expect(written((w) => w.int(1, 150))).toEqual([0x08, 0x96, 0x01])
    expect(written((w) => w.text(2, 'testing'))).toEqual([0x12, 7, ...Buffer.from('testing')])
    expect(written((w) => w.message(3, () => w.int(1, 150)))).toEqual([0x1a, 3, 0x08, 0x96, 0x01])
  })

  test('writes 0, numbers beyond 32 bits, and negative ones in ten bytes', () => {
    expect(written((w) => w.int(1, 0))).toEqual([0x08, 0])
    expect(written((w) => w.int(1, 2 ** 35))).toEqual([0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01])
    expect(written((w) => w.int(1, -1))).toEqual([0x08, ...Array<number>(9).fill(0xff), 0x01])
    expect(written((w) => w.int(1, -2))).toEqual([0x08, 0xfe, ...Array<number>(8).fill(0xff), 0x01])
  })

  test('writes field numbers above 15 in two bytes, and floats little-endian', () => {
    expect(written((w) => w.int(20, 1))).toEqual([0xa0, 0x01, 1])
    expect(written((w) => w.float(2, 1.5))).toEqual([0x15, 0, 0, 0xc0, 0x3f])
  })

  test('prefixes nested messages of more than 127 bytes, and keeps what was written while growing', () => {
    const long = 'x'.repeat(300)
    const bytes = written((w) => {
      w.int(1, 7)
      w.message(2, () => w.message(3, () => w.text(4, long)))
      w.int(5, 9)
    })
    const inner = [0x22, 0xac, 0x02, ...Buffer.from(long)]
    expect(bytes).toEqual([0x08, 7, 0x12, 0xb2, 0x02, 0x1a, 0xaf, 0x02, ...inner, 0x28, 9])
  })

  test('writes an empty message as length 0', () => {
    expect(written((w) => w.message(1, () => {}))).toEqual([0x0a, 0])
  })
})
