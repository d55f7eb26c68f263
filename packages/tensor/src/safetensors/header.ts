import { dtypeOfStoredName, dtypes, elementCount, type StoredDtype } from './dtypes'
import { duplicateKey } from './duplicate-key'
import { SafetensorsError } from './errors'

/** Where one tensor lies in its file. */
export interface TensorEntry {
  readonly dtype: StoredDtype
  readonly shape: readonly number[]
  /** First byte, counted from the start of the data section. */
  readonly begin: number
  /** Byte after the last one, counted from the start of the data section. */
  readonly end: number
}

/** A checked header: metadata and tensors in file order. */
export interface Header {
  readonly metadata: Readonly<Record<string, string>>
  readonly tensors: ReadonlyMap<string, TensorEntry>
}

/**
 * Header parsed from its JSON text and checked against the size of the data section, as strictly as the reference
 * library: no duplicate name, no hole, no overlap, no byte left over.
 *
 * @param bytes      the JSON, spaces at its end included
 * @param dataBytes  size of the data section
 * @throws SafetensorsError `bad-header`, `duplicate-name`, `unsupported-dtype`, `size-mismatch`, `bad-offsets`, `truncated`
 */
export const parseHeader = (bytes: Uint8Array, dataBytes: number, path: string): Header => {
  const fields = parseObject(bytes, path)
  const metadata = parseMetadata(fields.__metadata__, path)
  const tensors = Object.entries(fields)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]): [string, TensorEntry] => [name, parseEntry(name, value, path)])
    .sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  checkLayout(tensors, dataBytes, path)
  return { metadata, tensors: new Map(tensors) }
}

const parseObject = (bytes: Uint8Array, path: string): Record<string, unknown> => {
  const fail = (what: string, cause?: unknown): never => {
    throw new SafetensorsError(
      'bad-header',
      `readSafetensors: ${path}: expected a JSON header, got ${what}. The file is damaged or not a safetensors file.`,
      { path, cause },
    )
  }
  if (bytes[0] !== 0x7b) fail(`a header that does not start with "{"`)
  let value: unknown
  let text = ''
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    value = JSON.parse(text)
  } catch (cause) {
    const kind = cause instanceof TypeError ? 'invalid UTF-8' : 'invalid JSON'
    fail(kind === 'invalid JSON' ? `${kind} (${(cause as Error).message})` : kind, cause)
  }
  const twice = duplicateKey(text)
  if (twice !== undefined)
    throw new SafetensorsError(
      'duplicate-name',
      `readSafetensors: ${path}: expected unique names, got "${twice}" twice. Write the file again.`,
      { path, tensor: twice },
    )
  return value as Record<string, unknown>
}

const parseMetadata = (value: unknown, path: string): Readonly<Record<string, string>> => {
  if (value === undefined) return {}
  const valid = isObject(value) && Object.values(value).every((text) => typeof text === 'string')
  if (!valid)
    throw new SafetensorsError(
      'bad-header',
      `readSafetensors: ${path}: expected __metadata__ to map strings to strings, got ${shown(value)}. Write the file again.`,
      { path },
    )
  return value as Record<string, string>
}

const parseEntry = (name: string, value: unknown, path: string): TensorEntry => {
  const fail = (code: 'bad-header' | 'unsupported-dtype' | 'size-mismatch' | 'bad-offsets', what: string): never => {
    throw new SafetensorsError(code, `readSafetensors: ${path}: tensor "${name}": ${what}`, { path, tensor: name })
  }
  if (!isObject(value))
    return fail('bad-header', 'expected an object with dtype, shape and data_offsets. Write the file again.')
  const { dtype: stored, shape, data_offsets: offsets } = value
  const dtype = typeof stored === 'string' ? dtypeOfStoredName(stored) : undefined
  if (dtype === undefined)
    return fail('unsupported-dtype', `expected one of ${knownNames()}, got ${shown(stored)}. Convert the tensor.`)
  if (!isSizes(shape))
    return fail('bad-header', `expected a shape of whole numbers, got ${shown(shape)}. Write the file again.`)
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!)
    return fail('bad-offsets', `expected data_offsets [begin, end], got ${shown(offsets)}. Write the file again.`)
  const [begin, end] = offsets as [number, number]
  const bytes = elementCount(shape) * dtypes[dtype].bytes
  if (end - begin !== bytes)
    return fail(
      'size-mismatch',
      `expected ${bytes} bytes for ${stored} ${shown(shape)}, got ${end - begin}. Write the file again.`,
    )
  return { dtype, shape, begin, end }
}

const checkLayout = (tensors: [string, TensorEntry][], dataBytes: number, path: string): void => {
  let position = 0
  for (const [name, { begin, end }] of tensors) {
    if (begin !== position)
      throw new SafetensorsError(
        'bad-offsets',
        `readSafetensors: ${path}: tensor "${name}": expected data at byte ${position}, got ${begin} (${begin < position ? 'an overlap' : 'a hole'}). Write the file again.`,
        { path, tensor: name },
      )
    position = end
  }
  if (position !== dataBytes)
    throw new SafetensorsError(
      position > dataBytes ? 'truncated' : 'bad-offsets',
      `readSafetensors: ${path}: expected ${position} bytes of data after the header, got ${dataBytes}. ${
        position > dataBytes ? 'The file is cut off: copy or download it again.' : 'Write the file again.'
      }`,
      { path },
    )
}

/** The beginning of a value as JSON; a damaged file may hold a million nested brackets. */
const shown = (value: unknown): string => {
  try {
    const text = JSON.stringify(value) ?? 'nothing'
    return text.length > 80 ? `${text.slice(0, 80)}...` : text
  } catch {
    return 'deeply nested JSON'
  }
}

const knownNames = (): string =>
  Object.values(dtypes)
    .map((record) => record.stored)
    .join(', ')

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0)
