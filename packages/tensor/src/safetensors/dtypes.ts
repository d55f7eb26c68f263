/** Number formats of a safetensors file, by the names this project uses everywhere. */
export type StoredDtype =
  | 'bool'
  | 'uint8'
  | 'int8'
  | 'float8_e5m2'
  | 'float8_e4m3'
  | 'float8_e8m0'
  | 'int16'
  | 'uint16'
  | 'float16'
  | 'bfloat16'
  | 'int32'
  | 'uint32'
  | 'float32'
  | 'complex64'
  | 'float64'
  | 'int64'
  | 'uint64'

/** Array that holds the elements of a stored tensor; 16-bit and 8-bit floats stay raw bits. */
export type StoredArray =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array

interface DtypeRecord {
  /** Name in the file header. */
  readonly stored: string
  /** Bytes of one element. */
  readonly bytes: number
  /** View of `buffer` as `elements` elements. */
  view(buffer: ArrayBuffer, elements: number): StoredArray
}

const bits8 = (buffer: ArrayBuffer, elements: number): Uint8Array => new Uint8Array(buffer, 0, elements)
const bits16 = (buffer: ArrayBuffer, elements: number): Uint16Array => new Uint16Array(buffer, 0, elements)

/** One record per dtype, in the order the reference library sorts by (it lays out the last one first). */
export const dtypes: Readonly<Record<StoredDtype, DtypeRecord>> = {
  bool: { stored: 'BOOL', bytes: 1, view: bits8 },
  uint8: { stored: 'U8', bytes: 1, view: bits8 },
  int8: { stored: 'I8', bytes: 1, view: (buffer, elements) => new Int8Array(buffer, 0, elements) },
  float8_e5m2: { stored: 'F8_E5M2', bytes: 1, view: bits8 },
  float8_e4m3: { stored: 'F8_E4M3', bytes: 1, view: bits8 },
  float8_e8m0: { stored: 'F8_E8M0', bytes: 1, view: bits8 },
  int16: { stored: 'I16', bytes: 2, view: (buffer, elements) => new Int16Array(buffer, 0, elements) },
  uint16: { stored: 'U16', bytes: 2, view: bits16 },
  float16: { stored: 'F16', bytes: 2, view: bits16 },
  bfloat16: { stored: 'BF16', bytes: 2, view: bits16 },
  int32: { stored: 'I32', bytes: 4, view: (buffer, elements) => new Int32Array(buffer, 0, elements) },
  uint32: { stored: 'U32', bytes: 4, view: (buffer, elements) => new Uint32Array(buffer, 0, elements) },
  float32: { stored: 'F32', bytes: 4, view: (buffer, elements) => new Float32Array(buffer, 0, elements) },
  complex64: { stored: 'C64', bytes: 8, view: (buffer, elements) => new Float32Array(buffer, 0, 2 * elements) },
  float64: { stored: 'F64', bytes: 8, view: (buffer, elements) => new Float64Array(buffer, 0, elements) },
  int64: { stored: 'I64', bytes: 8, view: (buffer, elements) => new BigInt64Array(buffer, 0, elements) },
  uint64: { stored: 'U64', bytes: 8, view: (buffer, elements) => new BigUint64Array(buffer, 0, elements) },
}

const byStoredName: ReadonlyMap<string, StoredDtype> = new Map(
  Object.entries(dtypes).map(([name, record]) => [record.stored, name as StoredDtype]),
)

/** Place of each dtype in the layout of the reference library. */
export const layoutRank: ReadonlyMap<string, number> = new Map(Object.keys(dtypes).map((name, rank) => [name, rank]))

/** Our name of a header's dtype (`BF16` is `bfloat16`), undefined when it is unknown. */
export const dtypeOfStoredName = (stored: string): StoredDtype | undefined => byStoredName.get(stored)

/** Elements of a shape; 1 for a scalar. Not a safe integer when the product is too large to be one. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)
