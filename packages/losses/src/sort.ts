import { defineOp, putAlongAxis, ShapeError, shapeText, type Tensor } from '@qilin-med/tensor'

/** The elements of a vector in rising order, [N]; the gradient follows each element to its place. */
export const ascending = (x: Tensor): Tensor => sortOp([x], undefined)

const sortOp = defineOp({
  name: 'ascending',
  infer: ([x]) => {
    if (x!.shape.length !== 1)
      throw new ShapeError(`ascending: expected a vector, got ${shapeText(x!.shape)}. Flatten it first.`, {
        op: 'ascending',
        shapes: [shapeText(x!.shape)],
      })
    return [
      { dtype: x!.dtype, shape: x!.shape },
      { dtype: 'int64', shape: x!.shape },
    ]
  },
  gradient: ({ inputs: [x], outputs: [, order] }, [g]) => [g && (() => putAlongAxis(g, order!, x!.shape[0]!))],
  lower: (onnx, [x], { outputs: [output] }) =>
    onnx.nodes('TopK', [x!, onnx.shape(output!.shape)], 2, { axis: 0, largest: 0, sorted: 1 }),
  evaluate: ([x]) => {
    const order = Array.from(x!.data.keys()).sort((a, b) => x!.data[a]! - x!.data[b]! || a - b)
    return [
      { shape: x!.shape, data: Float64Array.from(order, (index) => x!.data[index]!) },
      { shape: x!.shape, data: Float64Array.from(order) },
    ]
  },
})
