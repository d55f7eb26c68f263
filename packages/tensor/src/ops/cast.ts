import { type DType, isFloating } from '../dtype'
import { dataType } from '../onnx/data-type'
import { apply, type Op, type Tensor } from '../tensor'

/** x with elements of `dtype`; floats truncate towards zero when they become integers. */
export const cast = (x: Tensor, dtype: DType): Tensor => (x.dtype === dtype ? x : apply(castOp, [x], { dtype }))

const converted = (value: number, dtype: DType): number => {
  if (dtype === 'bool') return Number(value !== 0)
  if (isFloating(dtype)) return value
  if (dtype === 'int32') return value | 0
  return Math.trunc(value)
}

const castOp: Op<{ readonly dtype: DType }> = {
  name: 'cast',
  infer: ([x], { dtype }) => ({ dtype, shape: x!.shape }),
  gradient: ({ inputs: [x], attributes }, [g]) =>
    isFloating(attributes.dtype) && isFloating(x!.dtype) ? [() => cast(g!, x!.dtype)] : [undefined],
  lower: (onnx, [x], { attributes }) => onnx.node('Cast', [x!], { to: dataType[attributes.dtype] }),
  evaluate: ([x], { dtype }) => ({ shape: x!.shape, data: x!.data.map((value) => converted(value, dtype)) }),
}
