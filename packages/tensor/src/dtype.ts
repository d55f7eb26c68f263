import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './half'

/** Element types of traced tensors. `bfloat16` and `float16` are storage types: cast before computing with them. */
export type DType =
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'float64'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'bool'

/** Typed arrays that hold the elements of an array in memory. `float16` and `bfloat16` are raw 16-bit patterns. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array

/** Bytes of one element. */
export const bytesPerElement: Readonly<Record<DType, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float64: 8,
  int8: 1,
  uint8: 1,
  int16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  bool: 1,
}

const constructors = {
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as const

/** Typed array of `length` zeros that holds elements of `dtype`. */
export const zerosOf = (dtype: DType, length: number): TypedArray => new constructors[dtype](length)

/** Typed array of `dtype` over existing bytes, without a copy. `byteOffset` must be a multiple of the element size. */
export const viewOf = (dtype: DType, buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray =>
  new constructors[dtype](buffer as ArrayBuffer, byteOffset, length)

/** True when `data` is the kind of typed array that holds `dtype`. */
export const holds = (dtype: DType, data: TypedArray): boolean => data instanceof constructors[dtype]

/** True for the types that carry gradients. */
export const isFloating = (dtype: DType): boolean =>
  dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16' || dtype === 'float64'

/** True for the types that programs compute with; the others are stored, moved and cast. */
export const isNumeric = (dtype: DType): boolean =>
  dtype === 'float32' || dtype === 'float64' || dtype === 'int32' || dtype === 'int64'

/**
 * Typed array of `dtype` with the given numbers; a copy unless `values` already has that type.
 * Numbers become the nearest 16-bit float; a `Uint16Array` holds such floats already, as bit patterns.
 */
export const toTyped = (dtype: DType, values: TypedArray | readonly number[]): TypedArray => {
  if (!Array.isArray(values) && holds(dtype, values as TypedArray)) return values as TypedArray
  if (dtype === 'float16') return float32ToFloat16(Float32Array.from(values as ArrayLike<number>, Number))
  if (dtype === 'bfloat16') return float32ToBfloat16(Float32Array.from(values as ArrayLike<number>, Number))
  if (dtype === 'int64') return BigInt64Array.from(values as ArrayLike<number>, (value) => BigInt(value))
  if (dtype === 'bool') return Uint8Array.from(values as ArrayLike<number>, (value) => Number(Number(value) !== 0))
  const from = constructors[dtype] as Float32ArrayConstructor
  if (values instanceof BigInt64Array) return from.from(values, Number) as TypedArray
  return from.from(values as ArrayLike<number>) as TypedArray
}

/** Elements stored as `from` in the type `to`: floats of 16 bits by value, not by pattern. A copy unless both are equal. */
export const convertElements = (from: DType, data: TypedArray, to: DType): TypedArray => {
  if (from === to) return data
  if (from === 'float16') return toTyped(to, float16ToFloat32(data as Uint16Array))
  if (from === 'bfloat16') return toTyped(to, bfloat16ToFloat32(data as Uint16Array))
  return toTyped(to, data)
}
