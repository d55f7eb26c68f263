import { isFloating } from '../dtype'
import { TensorError } from '../errors'
import { lowerAfter } from '../onnx/after'
import { apply, constantSource, type Node, type Op, type Tensor } from '../tensor'
import { attach } from './custom-gradient'
import { backward } from './gradient'

/**
 * A function that computes `fn` and keeps none of its intermediate results: the backward pass computes them again.
 * Trades one more forward pass of `fn` for its activations' memory (Chen et al. 2016).
 * Tensors that `fn` closes over get their gradients too.
 *
 * @param fn is traced three times, and must record the same operations each time
 */
export const checkpoint =
  (fn: (...inputs: Tensor[]) => Tensor | readonly Tensor[]): ((...inputs: Tensor[]) => Tensor[]) =>
  (...inputs) => {
    const results = listOf(fn(...inputs))
    const others = inputs.map((operand) => (constantSource(operand) ? operand : after(operand, operand)))
    const captured = capturedBy(results, listOf(fn(...others)), others)
    return attach([...inputs, ...captured], results, (_, cotangents, received) => {
      // A gradient that is only zeros would be folded away, and the recomputation with it.
      const signal = received.find((gradient) => gradient !== undefined)!
      const again = inputs.map((operand) => after(operand, signal))
      return backward(listOf(fn(...again)), cotangents, [...again, ...captured])
    })
  }

const listOf = (result: Tensor | readonly Tensor[]): readonly Tensor[] =>
  Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor]

/**
 * Tensors from outside that `fn` uses besides its inputs, constants left out: where two traces of it, on different
 * inputs, are side by side and meet in one node, that node was there before.
 */
const capturedBy = (first: readonly Tensor[], second: readonly Tensor[], inputs: readonly Tensor[]): Tensor[] => {
  const found = new Map<Node, Tensor[]>()
  const seen = new Set(inputs.map(({ node }) => node))
  const pairs = first.map((one, i) => [one, second[i]] as const)
  for (let pair = pairs.pop(); pair; pair = pairs.pop()) {
    const [one, other] = pair
    if (!one || !other || (!seen.has(other.node) && one.node.op.name !== other.node.op.name)) throw differentTraces()
    if (one.node === other.node) {
      const known = found.get(one.node) ?? []
      if (known.every(({ index }) => index !== one.index)) found.set(one.node, [...known, one])
    } else if (!seen.has(other.node)) {
      seen.add(other.node)
      other.node.inputs.forEach((operand, i) => {
        pairs.push([one.node.inputs[i]!, operand])
      })
    }
  }
  return [...found.values()].flat().filter((x) => isFloating(x.dtype) && !constantSource(x))
}

const differentTraces = (): TensorError =>
  new TensorError(
    'gradient',
    'checkpoint: the function must record the same operations each time, got others the second time. Pass in what it draws or counts.',
  )

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
