import { isSystemError, writeWholeFile } from '../whole-file'
import { dtypes, elementCount, layoutRank, type StoredArray, type StoredDtype } from './dtypes'
import { SafetensorsError } from './errors'

/** A tensor to write. Give `data` as a function to produce (read, convert) it only when its turn comes. */
export interface TensorToWrite {
  readonly name: string
  readonly dtype: StoredDtype
  readonly shape: readonly number[]
  readonly data: StoredArray | (() => StoredArray | Promise<StoredArray>)
}

/**
 * Writes a safetensors file, byte for byte laid out as the reference library does: widest dtypes first, then by name.
 * The file appears under its name only when it is complete; a failed write leaves what was there before.
 *
 * Tensors whose `data` is a function are produced, written and let go one by one, so a file may be larger than memory.
 *
 * @returns size of the file in bytes
 * @throws SafetensorsError `bad-tensor`, `duplicate-name`, or `write-failed` (with the system's error as cause)
 */
export const writeSafetensors = async (
  path: string,
  tensors: Iterable<TensorToWrite>,
  { metadata = {} }: { metadata?: Readonly<Record<string, string>> } = {},
): Promise<number> => {
  const ordered = [...tensors].sort(compareLayout)
  checkTensors(ordered, path)
  const header = encodeHeader(ordered, metadata)
  try {
    await writeWholeFile(path, async (append) => {
      await append(header)
      for (const tensor of ordered) await append(await bytesOf(tensor, path))
    })
  } catch (cause) {
    if (!isSystemError(cause)) throw cause
    throw new SafetensorsError(
      'write-failed',
      `writeSafetensors: ${path}: expected a writable place, got ${cause.code}. Check the folder, its permissions and free space.`,
      { path, cause },
    )
  }
  return header.length + ordered.reduce((sum, tensor) => sum + byteSize(tensor), 0)
}

const compareLayout = (a: TensorToWrite, b: TensorToWrite): number =>
  (layoutRank.get(b.dtype) ?? 0) - (layoutRank.get(a.dtype) ?? 0) ||
  Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))

const byteSize = ({ dtype, shape }: TensorToWrite): number => elementCount(shape) * dtypes[dtype].bytes

const checkTensors = (tensors: readonly TensorToWrite[], path: string): void => {
  const names = new Set<string>()
  for (const { name, dtype, shape, data } of tensors) {
    const fail = (code: 'bad-tensor' | 'duplicate-name', what: string): never => {
      throw new SafetensorsError(code, `writeSafetensors: ${path}: tensor "${name}": ${what}`, { path, tensor: name })
    }
    if (name === '__metadata__')
      fail('bad-tensor', 'expected another name, got the one kept for metadata. Rename the tensor.')
    if (names.has(name)) fail('duplicate-name', 'expected unique names, got this one twice. Rename one.')
    if (dtypes[dtype] === undefined)
      fail('bad-tensor', `expected one of ${Object.keys(dtypes).join(', ')}, got ${String(dtype)}. Convert the tensor.`)
    if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0))
      fail('bad-tensor', `expected a shape of whole numbers, got [${shape}]. Correct the shape.`)
    if (typeof data !== 'function') checkSize({ name, dtype, shape, data }, data, path)
    names.add(name)
  }
}

const checkSize = (tensor: TensorToWrite, data: StoredArray, path: string): void => {
  const bytes = byteSize(tensor)
  if (data.byteLength === bytes) return
  throw new SafetensorsError(
    'bad-tensor',
    `writeSafetensors: ${path}: tensor "${tensor.name}": expected ${bytes} bytes for ${tensor.dtype} [${tensor.shape}], got ${data.byteLength}. Correct the shape or convert the data.`,
    { path, tensor: tensor.name },
  )
}

const encodeHeader = (tensors: readonly TensorToWrite[], metadata: Readonly<Record<string, string>>): Uint8Array => {
  const fields: [string, unknown][] = []
  const keys = Object.keys(metadata).sort()
  if (keys.length > 0) fields.push(['__metadata__', Object.fromEntries(keys.map((key) => [key, metadata[key]]))])
  let position = 0
  for (const tensor of tensors) {
    const end = position + byteSize(tensor)
    fields.push([
      tensor.name,
      { dtype: dtypes[tensor.dtype].stored, shape: tensor.shape, data_offsets: [position, end] },
    ])
    position = end
  }
  // Not through an object: it would move names that look like numbers to the front.
  const json = Buffer.from(
    `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`,
  )
  const bytes = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true)
  bytes.set(json, 8)
  return bytes
}

const bytesOf = async (tensor: TensorToWrite, path: string): Promise<Uint8Array> => {
  const data = typeof tensor.data === 'function' ? await tensor.data() : tensor.data
  checkSize(tensor, data, path)
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}
