import { isFloating } from '../dtype'
import { lowerAfter } from '../onnx/after'
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
    const results = listOf(fn(...inputs))
    const captured = capturedBy(fn, results, inputs)
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

/**
 * Tensors from outside that `fn` uses besides its inputs, constants left out: `fn` is traced once more on other
 * inputs, and what both traces share was there before.
 */
const capturedBy = (
  fn: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  results: readonly Tensor[],
  inputs: readonly Tensor[],
): Tensor[] => {
  const before = new Set([...sortedNodes(results), ...inputs.map(({ node }) => node)])
  const others = inputs.map((operand) => after(operand, operand))
  const again = listOf(fn(...others))
  const ends = new Set([...before, ...others.map(({ node }) => node)])
  const used = sortedNodes(again, ends).flatMap((node) => (ends.has(node) ? [] : node.inputs))
  const outside = [...used, ...again].filter((x) => before.has(x.node) && isFloating(x.dtype) && !constantSource(x))
  return outside.filter((x, i) => i === outside.findIndex(({ node, index }) => node === x.node && index === x.index))
}

/** x, computed only once `signal` is known: ONNX Runtime merges equal subgraphs, which would undo recomputation. */
export const after = (x: Tensor, signal: Tensor): Tensor => apply(afterOp, [x, signal], undefined)

const afterOp: Op<undefined> = {
  name: 'after',
  work: 'view',
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  gradient: (_, [g]) => [g, undefined],
  lower: (onnx, [x, signal]) => lowerAfter(onnx, x!, signal!),
  evaluate: ([x]) => x!,
}
