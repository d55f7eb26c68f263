import { dtypes, elementCount, type StoredArray, type StoredDtype } from './dtypes'
import { SafetensorsError } from './errors'
import type { Header, TensorEntry } from './header'

/** A tensor in memory; 16-bit and 8-bit floats are raw bits. */
export interface StoredTensor {
  readonly dtype: StoredDtype
  readonly shape: readonly number[]
  readonly data: StoredArray
}

/** Largest header accepted, as in the reference library. */
export const maxHeaderBytes = 100_000_000

/** The tensor whose bytes are in `buffer`, without a copy. */
export const tensorOf = ({ dtype, shape }: TensorEntry, buffer: ArrayBuffer): StoredTensor => ({
  dtype,
  shape,
  data: dtypes[dtype].view(buffer, elementCount(shape)),
})

/** A checked header with what it was read from. */
type Named = Header & { readonly path: string }

/**
 * Where tensor `name` lies, or its rows from the first to before the second number.
 *
 * @throws SafetensorsError `unknown-tensor` with some of the names that there are, `bad-rows` for rows outside it
 */
export const entryOf = (file: Named, name: string, rows?: readonly [number, number]): TensorEntry => {
  const entry = file.tensors.get(name)
  if (entry !== undefined) return rows ? rowsOf(file, name, entry, rows) : entry
  const names = [...file.tensors.keys()]
  const some = `${names.slice(0, 5).join(', ')}${names.length > 5 ? ', ...' : ''}`
  throw new SafetensorsError(
    'unknown-tensor',
    `readTensor: ${file.path}: expected a tensor of the file, got "${name}". It has ${names.length}: ${some}.`,
    { path: file.path, tensor: name },
  )
}

const rowsOf = (
  { path }: Named,
  name: string,
  { dtype, shape, begin }: TensorEntry,
  [first, end]: readonly [number, number],
): TensorEntry => {
  const [length, ...row] = shape
  const valid = Number.isInteger(first) && Number.isInteger(end) && first >= 0 && first <= end
  if (length === undefined || !valid || end > length)
    throw new SafetensorsError(
      'bad-rows',
      `readTensor: ${path}: expected rows inside tensor "${name}" [${shape}], got ${first} to ${end}. Use other bounds.`,
      { path, tensor: name },
    )
  const bytes = elementCount(row) * dtypes[dtype].bytes
  return { dtype, shape: [end - first, ...row], begin: begin + first * bytes, end: begin + end * bytes }
}

/** @throws SafetensorsError `truncated` or `header-too-large` when a header of so many bytes cannot be */
export const checkHeaderSize = (headerBytes: number, size: number, path: string): void => {
  const fail = (code: 'truncated' | 'header-too-large', expected: string, got: string): never => {
    const advice = `The file is ${code === 'truncated' ? 'cut off' : 'damaged'} or not a safetensors file.`
    throw new SafetensorsError(code, `readSafetensors: ${path}: expected ${expected}, got ${got}. ${advice}`, { path })
  }
  if (size < 8) fail('truncated', '8 bytes of header length', `a file of ${size} bytes`)
  if (headerBytes > maxHeaderBytes)
    fail('header-too-large', `a header of at most ${maxHeaderBytes} bytes`, `${headerBytes}`)
  if (headerBytes > size - 8) fail('truncated', `a header of ${headerBytes} bytes`, `a file of ${size} bytes`)
}
