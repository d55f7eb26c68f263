import type { DType } from '../dtype'

/** Numbers of ONNX's `TensorProto.DataType`. */
export const dataType: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  bfloat16: 16,
}

/** The same for types of less than a byte, which only constants of ops have. */
export const packedDataType = { uint4: 21 } as const
