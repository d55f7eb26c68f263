import { crc32c } from './crc32c'

/** `data` as one TFRecord: length, its checksum, the data, its checksum, little-endian. */
export const record = (data: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(12 + data.length + 4)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, BigInt(data.length), true)
  view.setUint32(8, masked(crc32c(bytes.subarray(0, 8))), true)
  bytes.set(data, 12)
  view.setUint32(12 + data.length, masked(crc32c(data)), true)
  return bytes
}

/** A checksum that may itself be part of checksummed data, as TensorFlow masks it. */
const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
