import { dataType } from './data-type'
import type { Lowering } from './lowering'

/**
 * Name of `x` as it is, known formally only once `signal` is: a reshape to a shape that depends on the signal costs
 * nothing, and ONNX Runtime cannot see through it when it merges equal subgraphs or folds constants.
 */
export const lowerAfter = (onnx: Lowering, x: string, signal: string): string => {
  const first = onnx.node('Reshape', [signal, onnx.constant('int64', [1], [-1])])
  const one = onnx.node('Slice', [first, onnx.constant('int64', [1], [0]), onnx.constant('int64', [1], [1])])
  const bit = onnx.node('Cast', [onnx.node('IsNaN', [one])], { to: dataType.int64 }) // 0 or 1, never above a length
  const shape = onnx.node('Max', [onnx.node('Shape', [x]), bit])
  return onnx.node('Reshape', [x, shape], { allowzero: 1 })
}
