import { type Dim, dimension } from '../dimension'
import type { DType } from '../dtype'
import { apply, constant, type Op, type Tensor } from '../tensor'
import { cast } from './cast'

/** Length of a dimension as a scalar of the running program: `dimensionSize('B')`. */
export const dimensionSize = (dim: Dim | string, dtype: DType = 'int64'): Tensor => {
  const length = typeof dim === 'string' ? dimension(dim) : dim
  return typeof length === 'number' ? constant(length, dtype) : cast(apply(sizeOp, [], { dim: length }), dtype)
}

const sizeOp: Op<{ readonly dim: Dim }> = {
  name: 'dimensionSize',
  infer: () => ({ dtype: 'int64', shape: [] }),
  gradient: 'none',
  lower: (onnx, _, { attributes }) => onnx.dim(attributes.dim),
  evaluate: (_, { dim }, { bind }) => ({ shape: [], data: Float64Array.of(bind(dim)) }),
}

/** 0, 1, …, `length` − 1, int64. */
export const arange = (length: Dim | string): Tensor =>
  apply(arangeOp, [], { length: typeof length === 'string' ? dimension(length) : length })

const arangeOp: Op<{ readonly length: Dim }> = {
  name: 'arange',
  infer: (_, { length }) => ({ dtype: 'int64', shape: [length] }),
  gradient: 'none',
  lower: (onnx, _, { attributes }) =>
    onnx.node('Range', [onnx.constant('int64', [], [0]), onnx.dim(attributes.length), onnx.constant('int64', [], [1])]),
  evaluate: (_, __, { outputs: [output] }) => ({
    shape: output!.shape,
    data: Float64Array.from({ length: output!.shape[0]! }, (_, i) => i),
  }),
}
