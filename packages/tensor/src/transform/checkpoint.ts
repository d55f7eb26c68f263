import { isFloating } from '../dtype'
import { apply, constantSource, type Op, type Tensor } from '../tensor'
import { customGradient } from './custom-gradient'
import { backward, sortedNodes } from './gradient'

/**
 * A function that computes `fn` and keeps none of its intermediate results: the backward pass computes them again.
 * Trades one more forward pass of `fn` for its activations' memory (Chen et al. 2016).
 * Tensors that `fn` closes over get their gradients too.
 */
export const checkpoint =
  (fn: (...inputs: Tensor[]) => Tensor | readonly Tensor[]): ((...inputs: Tensor[]) => Tensor[]) =>
  (...inputs) => {
    const forward = () => listOf(fn(...inputs))
    const results = forward()
    const captured = capturedBy(results, inputs)
    return customGradient({
      forward: () => results,
      backward: (_, ...cotangents) => {
        const again = inputs.map((operand) => after(operand, cotangents[0]!))
        return backward(listOf(fn(...again)), cotangents, [...again, ...captured])
      },
    })(...inputs, ...captured)
  }

const listOf = (result: Tensor | readonly Tensor[]): readonly Tensor[] =>
  Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor]

/** Tensors from outside that the computation of `results` from `inputs` uses, constants left out. */
const capturedBy = (results: readonly Tensor[], inputs: readonly Tensor[]): Tensor[] => {
  const inside = new Set(inputs.map(({ node }) => node))
  const starts = new Set(inside)
  const captured: Tensor[] = []
  for (const node of sortedNodes(results, starts)) {
    if (starts.has(node) || !node.inputs.some((operand) => inside.has(operand.node))) continue
    inside.add(node)
    for (const operand of node.inputs)
      if (!inside.has(operand.node) && isFloating(operand.dtype) && !constantSource(operand))
        if (!captured.some((known) => known.node === operand.node && known.index === operand.index))
          captured.push(operand)
  }
  return captured
}

/**
 * x, computed only once `signal` is known. ONNX Runtime merges equal subgraphs, which would undo recomputation; a
 * reshape to a shape that formally depends on `signal` costs nothing and cannot be seen through.
 */
export const after = (x: Tensor, signal: Tensor): Tensor => apply(afterOp, [x, signal], undefined)

const afterOp: Op<undefined> = {
  name: 'after',
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  gradient: (_, [g]) => [g, undefined],
  lower: (onnx, [x, signal]) => {
    const first = onnx.node('Reshape', [signal!, onnx.constant('int64', [1], [-1])])
    const one = onnx.node('Slice', [first, onnx.constant('int64', [1], [0]), onnx.constant('int64', [1], [1])])
    const bit = onnx.node('Cast', [onnx.node('IsNaN', [one])], { to: 7 }) // 0 or 1, never above a length
    const shape = onnx.node('Max', [onnx.node('Shape', [x!]), bit])
    return onnx.node('Reshape', [x!, shape], { allowzero: 1 })
  },
  evaluate: ([x]) => x!,
}
