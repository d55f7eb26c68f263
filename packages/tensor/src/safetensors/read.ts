import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { bfloat16ToFloat32, float16ToFloat32 } from '../half'
import { SafetensorsError } from './errors'
import { type Header, parseHeader, type TensorEntry } from './header'
import { checkHeaderSize, entryOf, type StoredTensor, tensorOf } from './layout'

/** A safetensors file whose header was read and checked; its data is still on disk. */
export interface SafetensorsFile extends Header {
  /** Absolute. */
  readonly path: string
  /** Byte of the file where the data section starts; a tensor lies at `dataOffset + begin`. */
  readonly dataOffset: number
}

/**
 * The header of a safetensors file: names, dtypes, shapes and places. No tensor data is read.
 *
 * @param place path of the file; relative ones belong to the working directory of this call
 * @throws SafetensorsError with `path`, when the file is absent, cut off or malformed in any way
 */
export const readSafetensors = async (place: string): Promise<SafetensorsFile> => {
  const path = resolve(place) // tensors are read later, and mapped beside those of other files
  await using file = await openFile(path)
  const { size } = await file.handle.stat()
  const prefix = await readRange(file.handle, { path, position: 0, bytes: Math.min(8, size) })
  const headerBytes = size < 8 ? Number.POSITIVE_INFINITY : Number(new DataView(prefix).getBigUint64(0, true))
  checkHeaderSize(headerBytes, size, path)
  const header = await readRange(file.handle, { path, position: 8, bytes: headerBytes })
  return { path, dataOffset: 8 + headerBytes, ...parseHeader(new Uint8Array(header), size - 8 - headerBytes, path) }
}

/** Which part of a tensor is to be read. */
export interface ReadOptions {
  /** First row, and the row after the last one, along the first axis (default: all). */
  readonly rows?: readonly [begin: number, end: number]
}

/**
 * One tensor of a file, or some of its rows, read from its byte range alone.
 *
 * @throws SafetensorsError `unknown-tensor`, `bad-rows`, or `truncated` when the file shrank since its header was read
 */
export const readTensor = async (
  file: SafetensorsFile,
  name: string,
  { rows }: ReadOptions = {},
): Promise<StoredTensor> => {
  const entry = entryOf(file, name, rows)
  await using opened = await openFile(file.path)
  return tensorOf(entry, await readRange(opened.handle, rangeOf(file, name, entry)))
}

/** `readTensor` without a promise, for places that cannot wait. Errors as `readTensor`. */
export const readTensorSync = (file: SafetensorsFile, name: string, { rows }: ReadOptions = {}): StoredTensor => {
  const entry = entryOf(file, name, rows)
  return tensorOf(entry, readRangeSync(rangeOf(file, name, entry)))
}

/**
 * One floating-point tensor as float32: float32 as stored, float16 and bfloat16 widened exactly, float64 rounded.
 *
 * @throws SafetensorsError `unsupported-dtype` for integers and 8-bit floats; otherwise as `readTensor`
 */
export const readFloat32 = async (file: SafetensorsFile, name: string): Promise<Float32Array> => {
  const { dtype, data } = await readTensor(file, name)
  if (data instanceof Float32Array && dtype === 'float32') return data
  if (dtype === 'bfloat16') return bfloat16ToFloat32(data as Uint16Array)
  if (dtype === 'float16') return float16ToFloat32(data as Uint16Array)
  if (data instanceof Float64Array) return Float32Array.from(data)
  throw new SafetensorsError(
    'unsupported-dtype',
    `readFloat32: ${file.path}: expected tensor "${name}" to be float16, bfloat16, float32 or float64, got ${dtype}. Read it with readTensor.`,
    { path: file.path, tensor: name },
  )
}

const openFile = async (path: string): Promise<{ handle: FileHandle } & AsyncDisposable> => {
  const handle = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => unreadable(path, cause))
  return { handle, [Symbol.asyncDispose]: () => handle.close() }
}

interface ByteRange {
  readonly path: string
  readonly tensor?: string
  readonly position: number
  readonly bytes: number
}

const rangeOf = (file: SafetensorsFile, tensor: string, { begin, end }: TensorEntry): ByteRange => ({
  path: file.path,
  tensor,
  position: file.dataOffset + begin,
  bytes: end - begin,
})

/** One call reads at most 2 GiB. */
const largestRead = 1 << 30

/** Bytes of a range in a buffer of their own, so that every typed array is aligned. */
const readRange = async (handle: FileHandle, range: ByteRange): Promise<ArrayBuffer> => {
  const buffer = new Uint8Array(range.bytes)
  for (let done = 0; done < range.bytes; ) {
    const length = Math.min(range.bytes - done, largestRead)
    const reading = handle.read(buffer, done, length, range.position + done)
    const { bytesRead } = await reading.catch((cause: NodeJS.ErrnoException) => unreadable(range.path, cause))
    if (bytesRead === 0) cutOff(range, done)
    done += bytesRead
  }
  return buffer.buffer
}

const readRangeSync = (range: ByteRange): ArrayBuffer => {
  const buffer = new Uint8Array(range.bytes)
  let file: number | undefined
  try {
    file = openSync(range.path, 'r')
    if (fstatSync(file).size < range.position + range.bytes) cutOff(range, fstatSync(file).size - range.position)
    for (let done = 0; done < range.bytes; ) {
      const length = Math.min(range.bytes - done, largestRead)
      done += readSync(file, buffer, done, length, range.position + done) || cutOff(range, done)
    }
  } catch (cause) {
    if (cause instanceof SafetensorsError) throw cause
    unreadable(range.path, cause as NodeJS.ErrnoException)
  } finally {
    if (file !== undefined) closeSync(file)
  }
  return buffer.buffer
}

const unreadable = (path: string, cause: NodeJS.ErrnoException): never => {
  throw new SafetensorsError(
    'not-found',
    `readSafetensors: ${path}: expected a readable file, got ${cause.code ?? cause.message}. Check the path.`,
    { path, cause },
  )
}

const cutOff = ({ path, tensor, position, bytes }: ByteRange, done: number): never => {
  throw new SafetensorsError(
    'truncated',
    `readTensor: ${path}: expected ${bytes} bytes at ${position}, got ${Math.max(0, done)}. The file is cut off: copy or download it again.`,
    { path, tensor },
  )
}
