import { type DType, isFloating, toTyped } from '../dtype'
import { dataType } from '../onnx/data-type'
import { valuesOf } from '../reference/value'
import { apply, type Op, type Tensor } from '../tensor'

/**
 * x with elements of `dtype`. To 16 bits a float is rounded to the nearest, ties to even; to an integer it is cut
 * towards zero. What an integer type cannot hold (NaN, or a number outside its range) becomes an unspecified integer.
 */
export const cast = (x: Tensor, dtype: DType): Tensor => (x.dtype === dtype ? x : apply(castOp, [x], { dtype }))

const converted = (data: Float64Array, dtype: DType): Float64Array => {
  if (dtype === 'float16' || dtype === 'bfloat16' || dtype === 'bool') return valuesOf(dtype, toTyped(dtype, data))
  if (dtype === 'float32' || dtype === 'float64') return data
  const [low, high] = ranges[dtype]
  return data.map((value) => (value >= low && value <= high ? Math.trunc(value) : low))
}

const signed = (bits: number): readonly [number, number] => [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1]
const unsigned = (bits: number): readonly [number, number] => [0, 2 ** bits - 1]
const ranges = {
  int8: signed(8),
  uint8: unsigned(8),
  int16: signed(16),
  int32: signed(32),
  uint32: unsigned(32),
  int64: signed(64),
} as const

const castOp: Op<{ readonly dtype: DType }> = {
  name: 'cast',
  work: 'move',
  infer: ([x], { dtype }) => ({ dtype, shape: x!.shape }),
  gradient: ({ inputs: [x], attributes }, [g]) =>
    isFloating(attributes.dtype) && isFloating(x!.dtype) ? [() => cast(g!, x!.dtype)] : [undefined],
  lower: (onnx, [x], { attributes }) => onnx.node('Cast', [x!], { to: dataType[attributes.dtype] }),
  evaluate: ([x], { dtype }) => ({ shape: x!.shape, data: converted(x!.data, dtype) }),
}
