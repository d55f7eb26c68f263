import { createHash } from 'node:crypto'
import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentHash } from './content-hash'
import { crc32 } from './crc32'
import { sha256 } from './sha256'

describe('sha256', () => {
  it('equals the digests of FIPS 180-4', () => {
    const digest = (text: string): string => sha256(new TextEncoder().encode(text))
    expect(digest('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    expect(digest('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  })

  it('equals that of Node for any bytes, across the lengths where padding adds a block', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(sha256(bytes)).toBe(createHash('sha256').update(bytes).digest('hex'))
      }),
    )
  })
})

describe('crc32', () => {
  it('gives the check value of the standard', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926)
  })

  it('equals that of zlib for any bytes', ({ skip }) => {
    skip(zlibCrc32 === undefined, 'this Node has no zlib.crc32')
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(crc32(bytes)).toBe(zlibCrc32(bytes))
      }),
    )
  })
})

describe('contentHash', () => {
  it('is that of the text without white space, in lower case, full-width forms folded', () => {
    const plain = createHash('sha256').update('雾心症查ct,无ige').digest('hex')
    expect(contentHash(' 雾心症　查CT，\n无 IgE ')).toBe(plain)
  })

  it('differs when a character differs', () => {
    expect(contentHash('雾心症')).not.toBe(contentHash('雾心証'))
  })
})
