import { type Dim, multiplyDims, sameDim, shapeText, sizeOf } from '../dimension'
import { ShapeError } from '../errors'
import { type Direction, lowerProduct, lowerProductSum } from '../quantize/lower'
import { dequantize, partsFor, type QuantizedWeight } from '../quantize/weight'
import type { Value } from '../reference/value'
import { apply, constantSource, type Op, requireFloating, type Tensor } from '../tensor'

interface QuantizedProduct {
  readonly weight: QuantizedWeight
  readonly direction: Direction
  readonly alpha: number
}

/**
 * The product of `a` [..., K] with a quantised constant matrix, multiplied by `alpha`; undefined where `b` is none.
 *
 * @param b [K, N], or [N, K] with `transposed`
 */
export const quantizedMatmul = (a: Tensor, b: Tensor, transposed: boolean, alpha: number): Tensor | undefined => {
  const matrix = constantSource(b)?.quantized
  if (!matrix) return undefined
  const { weight, outputAxis } = matrix
  const contracted = transposed ? 1 : 0
  return apply(quantizedMatmulOp, [a], { weight, direction: contracted === outputAxis ? 'backward' : 'forward', alpha })
}

const sizesOf = ({ weight: { outputs, inputs }, direction }: QuantizedProduct): readonly [from: number, to: number] =>
  direction === 'forward' ? [inputs, outputs] : [outputs, inputs]

/**
 * Rounding the operand to 8 bits is no part of the rule: the gradient is that of the product with the weight as stored,
 * as with every straight-through estimator, and the reference evaluation is that product in float64.
 */
const quantizedMatmulOp: Op<QuantizedProduct> = {
  name: 'quantizedMatmul',
  work: ({ outputs: [y], attributes }) => multiplyDims(2 * sizesOf(attributes)[0], sizeOf(y!.shape)),
  constants: ({ weight, direction }) => partsFor(weight, direction),
  infer: ([x], attributes) => {
    requireFloating('matmul', x!)
    const [from, to] = sizesOf(attributes)
    const { outputs, inputs } = attributes.weight
    const shapes = [shapeText(x!.shape), `[${outputs}, ${inputs}]`]
    if (x!.shape.length < 2 || !sameDim(x!.shape.at(-1) as Dim, from))
      throw new ShapeError(
        `matmul: the last axis of a product with a quantised weight [out, in] must have ${from} elements, got ${shapes[0]} for ${shapes[1]}. Check its last axis, or add one with unsqueeze.`,
        { op: 'matmul', shapes },
      )
    return { dtype: x!.dtype, shape: [...x!.shape.slice(0, -1), to] }
  },
  gradient: ({ attributes }, [g]) => [
    () => {
      const direction = attributes.direction === 'forward' ? 'backward' : 'forward'
      return apply(quantizedMatmulOp, [g!], { ...attributes, direction })
    },
  ],
  lower: (onnx, [x], { attributes: { weight, direction, alpha }, outputs: [output] }) => {
    const product = lowerProduct(onnx, { x: x!, weight, direction, shape: output!.shape })
    return alpha === 1 ? product : onnx.node('Mul', [product, onnx.constant('float32', [], [alpha])])
  },
  lowerSum: (onnx, [x], addend, { attributes: { weight, direction, alpha }, outputs: [output] }) =>
    alpha === 1 ? lowerProductSum(onnx, { x: x!, weight, direction, shape: output!.shape }, addend) : undefined,
  evaluate: ([x], attributes, { outputs: [output] }) => product(x!, attributes, output!.shape),
}

const product = (x: Value, attributes: QuantizedProduct, shape: readonly number[]): Value => {
  const { weight, direction, alpha } = attributes
  const [from, to] = sizesOf(attributes)
  const matrix = dequantize(weight)
  const [row, step] = direction === 'forward' ? [weight.inputs, 1] : [1, weight.inputs]
  const data = new Float64Array(shape.reduce((size, length) => size * length, 1))
  for (let k = 0; k < data.length; k++) {
    const [begin, column] = [Math.floor(k / to) * from, (k % to) * row]
    let total = 0
    for (let i = 0; i < from; i++) total += x.data[begin + i]! * matrix[column + i * step]!
    data[k] = total * alpha
  }
  return { shape, data }
}
