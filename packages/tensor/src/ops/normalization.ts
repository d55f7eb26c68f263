import { sameDim, shapeText } from '../dimension'
import { ShapeError } from '../errors'
import type { Lowering } from '../onnx/lowering'
import { count } from '../reference/value'
import { applyAll, type Op, requireFloating, type Tensor, type TensorType } from '../tensor'
import { dimensionSize } from './dimension-size'
import { add, div, mul, neg, rsqrt, square, sub } from './elementwise'
import { mean } from './reduce'
import { unbroadcast } from './reshape'

/**
 * x / √(mean(x²) + ε) · weight along the last axis (Zhang and Sennrich 2019).
 *
 * @param x      [..., D]
 * @param weight [D]
 */
export const rmsNorm = (x: Tensor, weight: Tensor, { epsilon = 1e-6 }: { readonly epsilon?: number } = {}): Tensor =>
  applyAll(rmsNormOp, [x, weight], { epsilon })[0]!

const rmsNormOp: Op<{ readonly epsilon: number }> = {
  name: 'rmsNorm',
  infer: ([x, weight]) => {
    requireFloating('rmsNorm', x!)
    requireWidth('rmsNorm', x!, weight!)
    return [
      { dtype: x!.dtype, shape: x!.shape },
      { dtype: x!.dtype, shape: x!.shape.with(-1, 1) }, // 1/rms, which the gradient reuses
    ]
  },
  gradient: ({ inputs: [x, weight], outputs: [, inverse] }, [g, gInverse]) => {
    const normal = () => mul(x!, inverse!)
    return [
      () => {
        const scaled = g && mul(g, weight!)
        // (g·w)/rms − x · mean(g·w·x)/rms³: what goes with x is a number a row.
        const pull = () => mean(mul(scaled!, x!), { axes: -1, keepAxes: true })
        const viaOutput = scaled && sub(mul(scaled, inverse!), mul(x!, mul(pull(), mul(inverse!, square(inverse!)))))
        if (!gInverse) return viaOutput
        // d(1/rms)/dx = −x · (1/rms)³ / D
        const width = dimensionSize(x!.shape.at(-1)!, x!.dtype)
        const viaInverse = mul(neg(div(gInverse, width)), mul(x!, mul(inverse!, square(inverse!))))
        return viaOutput ? add(viaOutput, viaInverse) : viaInverse
      },
      g && (() => unbroadcast(mul(g, normal()), weight!.shape)),
    ]
  },
  lower: (onnx, inputs, { attributes, inputs: [type] }) => {
    if (onnx.target === 'webgpu' || onnx.isEmpty(type!.shape.at(-1)!))
      return lowerComposed(onnx, inputs, attributes.epsilon)
    const epsilon = { float: attributes.epsilon }
    return onnx.nodes('SimplifiedLayerNormalization', inputs, 2, { axis: -1, epsilon, stash_type: 1 })
  },
  evaluate: ([x, weight], { epsilon }, { outputs: [output, inverse] }) => {
    const width = x!.shape.at(-1)!
    const data = new Float64Array(x!.data.length)
    const factors = new Float64Array(count(inverse!.shape))
    for (let row = 0; row < factors.length; row++) {
      const values = x!.data.subarray(row * width, (row + 1) * width)
      factors[row] = 1 / Math.sqrt(values.reduce((total, v) => total + v * v, 0) / width + epsilon)
      values.forEach((v, i) => {
        data[row * width + i] = v * factors[row]! * weight!.data[i]!
      })
    }
    return [
      { shape: output!.shape, data },
      { shape: inverse!.shape, data: factors },
    ]
  },
}

/** @throws ShapeError unless `weight` is as long as the last axis of x */
const requireWidth = (op: string, x: TensorType, weight: TensorType): void => {
  if (weight.shape.length === 1 && x.shape.length > 0 && sameDim(weight.shape[0]!, x.shape.at(-1)!)) return
  const shapes = [shapeText(x.shape), shapeText(weight.shape)]
  throw new ShapeError(
    `${op}: weight and bias must be as long as the last axis, got ${shapes[0]} and ${shapes[1]}. Check which axis is normalised.`,
    { op, shapes },
  )
}

const lowerComposed = (onnx: Lowering, [x, weight]: readonly string[], epsilon: number): string[] => {
  const squares = onnx.node('ReduceMean', [onnx.node('Mul', [x!, x!]), onnx.constant('int64', [1], [-1])], {
    keepdims: 1,
  })
  const shifted = onnx.node('Add', [squares, onnx.constant('float32', [], [epsilon])])
  const inverse = onnx.node('Reciprocal', [onnx.node('Sqrt', [shifted])])
  return [onnx.node('Mul', [onnx.node('Mul', [x!, inverse]), weight!]), inverse]
}

/** (x − mean) / √(variance + ε) · weight + bias along the last axis. x [..., D], weight and bias [D]. */
export const layerNorm = (
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  { epsilon = 1e-5 }: { readonly epsilon?: number } = {},
): Tensor => {
  requireFloating('layerNorm', x)
  for (const parameter of bias ? [weight, bias] : [weight]) requireWidth('layerNorm', x, parameter)
  const centred = sub(x, mean(x, { axes: -1, keepAxes: true }))
  const normal = mul(centred, rsqrt(add(mean(square(centred), { axes: -1, keepAxes: true }), epsilon)))
  const scaled = mul(normal, weight)
  return bias ? add(scaled, bias) : scaled
}
