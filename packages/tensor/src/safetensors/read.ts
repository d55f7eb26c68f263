import { type FileHandle, open } from 'node:fs/promises'
import { dtypes, elementCount, type StoredArray, type StoredDtype } from './dtypes'
import { SafetensorsError } from './errors'
import { bfloat16ToFloat32, float16ToFloat32 } from './half'
import { type Header, parseHeader } from './header'

/** A safetensors file whose header was read and checked; its data is still on disk. */
export interface SafetensorsFile extends Header {
  readonly path: string
  /** Byte of the file where the data section starts; a tensor lies at `dataOffset + begin`. */
  readonly dataOffset: number
}

/** A tensor in memory; 16-bit and 8-bit floats are raw bits. */
export interface StoredTensor {
  readonly dtype: StoredDtype
  readonly shape: readonly number[]
  readonly data: StoredArray
}

/** Largest header accepted, as in the reference library. */
export const maxHeaderBytes = 100_000_000

/**
 * The header of a safetensors file: names, dtypes, shapes and places. No tensor data is read.
 *
 * @throws SafetensorsError with `path`, when the file is absent, cut off or malformed in any way
 */
export const readSafetensors = async (path: string): Promise<SafetensorsFile> => {
  await using file = await openFile(path)
  const { size } = await file.handle.stat()
  const prefix = await readExactly(file.handle, { path, position: 0, bytes: Math.min(8, size) })
  const headerBytes = size < 8 ? Number.POSITIVE_INFINITY : Number(new DataView(prefix).getBigUint64(0, true))
  checkHeaderSize(headerBytes, size, path)
  const header = await readExactly(file.handle, { path, position: 8, bytes: headerBytes })
  return { path, dataOffset: 8 + headerBytes, ...parseHeader(new Uint8Array(header), size - 8 - headerBytes, path) }
}

/**
 * One tensor of a file, read from its byte range alone.
 *
 * @throws SafetensorsError `unknown-tensor`, or `truncated` when the file shrank since its header was read
 */
export const readTensor = async (file: SafetensorsFile, name: string): Promise<StoredTensor> => {
  const entry = entryOf(file, name)
  await using opened = await openFile(file.path)
  const buffer = await readExactly(opened.handle, {
    path: file.path,
    tensor: name,
    position: file.dataOffset + entry.begin,
    bytes: entry.end - entry.begin,
  })
  const data = dtypes[entry.dtype].view(buffer, elementCount(entry.shape))
  return { dtype: entry.dtype, shape: entry.shape, data }
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

const entryOf = (file: SafetensorsFile, name: string) => {
  const entry = file.tensors.get(name)
  if (entry !== undefined) return entry
  const names = [...file.tensors.keys()]
  throw new SafetensorsError(
    'unknown-tensor',
    `readTensor: ${file.path}: expected a tensor of the file, got "${name}". It has ${names.length}: ${names.slice(0, 5).join(', ')}${names.length > 5 ? ', ...' : ''}.`,
    { path: file.path, tensor: name },
  )
}

const checkHeaderSize = (headerBytes: number, size: number, path: string): void => {
  if (headerBytes > size - 8 && headerBytes <= maxHeaderBytes)
    throw new SafetensorsError(
      'truncated',
      `readSafetensors: ${path}: expected a header of ${headerBytes} bytes, got a file of ${size} bytes. The file is cut off or not a safetensors file.`,
      { path },
    )
  if (headerBytes > size - 8 && size < 8)
    throw new SafetensorsError(
      'truncated',
      `readSafetensors: ${path}: expected 8 bytes of header length, got a file of ${size} bytes. The file is cut off or not a safetensors file.`,
      { path },
    )
  if (headerBytes > maxHeaderBytes)
    throw new SafetensorsError(
      'header-too-large',
      `readSafetensors: ${path}: expected a header of at most ${maxHeaderBytes} bytes, got ${headerBytes}. The file is damaged or not a safetensors file.`,
      { path },
    )
}

const openFile = async (path: string): Promise<{ handle: FileHandle } & AsyncDisposable> => {
  const handle = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw new SafetensorsError(
      'not-found',
      `readSafetensors: ${path}: expected a readable file, got ${cause.code ?? cause.message}. Check the path.`,
      { path, cause },
    )
  })
  return { handle, [Symbol.asyncDispose]: () => handle.close() }
}

/** Bytes of a range in a buffer of their own, so that every typed array is aligned. */
const readExactly = async (
  handle: FileHandle,
  { path, tensor, position, bytes }: { path: string; tensor?: string; position: number; bytes: number },
): Promise<ArrayBuffer> => {
  const buffer = new Uint8Array(bytes)
  let done = 0
  while (done < bytes) {
    const length = Math.min(bytes - done, 1 << 30)
    const { bytesRead } = await handle
      .read(buffer, done, length, position + done)
      .catch((cause: NodeJS.ErrnoException) => {
        throw new SafetensorsError(
          'not-found',
          `readSafetensors: ${path}: expected a readable file, got ${cause.code}. Check the path.`,
          { path, cause },
        )
      })
    if (bytesRead === 0)
      throw new SafetensorsError(
        'truncated',
        `readTensor: ${path}: expected ${bytes} bytes at ${position}, got ${done}. The file is cut off: copy or download it again.`,
        { path, tensor },
      )
    done += bytesRead
  }
  return buffer.buffer
}
