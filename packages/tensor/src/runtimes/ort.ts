import type * as ort from 'onnxruntime-common'
import type { NdArray } from '../array'
import type { DType, TypedArray } from '../dtype'
import { viewOf, zerosOf } from '../dtype'

/** A tensor of ONNX Runtime. */
export type OrtTensor = ort.Tensor

/** Constructor of ONNX Runtime's tensors; the same in Node and in browsers. */
export type OrtTensorConstructor = new (
  type: ort.Tensor.Type,
  data: ort.Tensor.DataTypeMap[ort.Tensor.Type],
  shape: readonly number[],
) => OrtTensor

/** An ONNX Runtime tensor over the elements of `array`, without a copy. */
export const toOrt = (Tensor: OrtTensorConstructor, { dtype, shape, data }: NdArray): OrtTensor =>
  new Tensor(dtype as ort.Tensor.Type, data as never, shape)

/** The elements of a CPU tensor, without a copy. */
export const fromOrt = (tensor: OrtTensor): NdArray => {
  const dtype = tensor.type as DType
  const { buffer, byteOffset, length } = tensor.data as TypedArray
  return { dtype, shape: tensor.dims, data: viewOf(dtype, buffer, byteOffset, length) } // browsers know Float16Array
}

/** Zeros in the shape and type of `like`. */
export const emptyLike = (like: { readonly dtype: DType; readonly shape: readonly number[] }): NdArray => ({
  dtype: like.dtype,
  shape: like.shape,
  data: zerosOf(
    like.dtype,
    like.shape.reduce((size, length) => size * length, 1),
  ),
})
