import { type Shape, sameShape, shapeText } from '../dimension'
import { isFloating } from '../dtype'
import { TensorError } from '../errors'
import { add } from '../ops/elementwise'
import { zeros } from '../ops/indexing'
import { constant, type Node, Tensor } from '../tensor'
import { isTensor, type TensorTree } from '../trace'
import { leavesOf, mapTree } from '../tree'

/** Nodes that `outputs` depend on, operands before results. Stops at `leaves`. */
export const sortedNodes = (outputs: readonly Tensor[], leaves: ReadonlySet<Node> = new Set()): Node[] => {
  const order: Node[] = []
  const seen = new Set<Node>()
  const stack: { node: Node; next: number }[] = []
  const visit = (node: Node) => {
    if (seen.has(node)) return
    seen.add(node)
    stack.push({ node, next: 0 })
  }
  for (const output of outputs) {
    visit(output.node)
    while (stack.length) {
      const frame = stack.at(-1)!
      const operand = leaves.has(frame.node) ? undefined : frame.node.inputs[frame.next++]
      if (operand) visit(operand.node)
      else order.push(stack.pop()!.node)
    }
  }
  return order
}

/** Nodes on a path from `variables` to the end of `order`. */
const dependents = (order: readonly Node[], variables: readonly Tensor[]): Set<Node> => {
  const reached = new Set(variables.map(({ node }) => node))
  for (const node of order) if (node.inputs.some((operand) => reached.has(operand.node))) reached.add(node)
  return reached
}

type Cotangents = Map<Node, (Tensor | undefined)[]>

const accumulate = (cotangents: Cotangents, tensor: Tensor, gradient: Tensor, rule: string): void => {
  if (!sameShape(tensor.shape, gradient.shape) || tensor.dtype !== gradient.dtype)
    throw new TensorError(
      'gradient',
      `grad: the gradient rule of ${rule} must return ${tensor.dtype}${shapeText(tensor.shape)} for this operand, got ${gradient.dtype}${shapeText(gradient.shape)}. Correct the rule.`,
      { op: rule, shapes: [shapeText(tensor.shape), shapeText(gradient.shape)] },
    )
  const slots = cotangents.get(tensor.node) ?? []
  const before = slots[tensor.index]
  slots[tensor.index] = before ? add(before, gradient) : gradient
  cotangents.set(tensor.node, slots)
}

/** Sends the gradients of one node's results to its operands. */
const propagate = (node: Node, cotangents: Cotangents, wanted: ReadonlySet<Node>): void => {
  const received = cotangents.get(node)
  const rule = node.op.gradient
  if (!received || rule === 'none') return
  const outputs = node.outputs.map((_, index) => new Tensor(node, index))
  const gradients = rule({ inputs: node.inputs, outputs, attributes: node.attributes as never }, received)
  node.inputs.forEach((operand, i) => {
    if (!wanted.has(operand.node) || !isFloating(operand.dtype)) return
    const gradient = gradients[i]
    const value = typeof gradient === 'function' ? gradient() : gradient
    if (value) accumulate(cotangents, operand, value, node.op.name)
  })
}

/**
 * Gradients of Σᵢ ⟨outputs[i], seeds[i]⟩ for each of `variables`; zeros where there is no path.
 * This is the whole reverse pass: it walks the trace backwards once and asks each op for its rule.
 */
export const backward = (
  outputs: readonly Tensor[],
  seeds: readonly Tensor[],
  variables: readonly Tensor[],
): Tensor[] => {
  const stops = new Set(variables.map(({ node }) => node))
  const order = sortedNodes(outputs, stops)
  const wanted = dependents(order, variables)
  const cotangents: Cotangents = new Map()
  outputs.forEach((output, i) => {
    if (wanted.has(output.node)) accumulate(cotangents, output, seeds[i]!, 'the caller')
  })
  for (const node of order.toReversed()) if (wanted.has(node) && !stops.has(node)) propagate(node, cotangents, wanted)
  return variables.map(
    (variable) => cotangents.get(variable.node)?.[variable.index] ?? zeros(variable.shape, variable.dtype),
  )
}

/** What a function given to `grad` or `valueAndGrad` may return: a scalar, or a scalar and anything else beside it. */
export type Loss = Tensor | readonly [Tensor, ...unknown[]]

const lossOf = (result: Loss): Tensor => {
  const value = (isTensor(result) ? result : result[0]) as Tensor
  if (!isTensor(value) || value.shape.length !== 0)
    throw new TensorError(
      'gradient',
      `grad: the function must return a scalar, got ${isTensor(value) ? shapeText(value.shape as Shape) : typeof value}. Reduce it with sum or mean.`,
    )
  return value
}

/**
 * A function that returns `fn`'s result and the gradient of its scalar for the first argument, in the shape of that
 * argument (a tensor, or tensors in objects and arrays). Where `fn` returns `[loss, ...rest]`, the first is
 * differentiated and all are returned.
 */
export const valueAndGrad =
  <P extends TensorTree, Rest extends unknown[], R extends Loss>(fn: (first: P, ...rest: Rest) => R) =>
  (first: P, ...rest: Rest): [value: R, gradient: P] => {
    const variables = leavesOf(first, isTensor)
    const result = fn(first, ...rest)
    const loss = lossOf(result)
    const gradients = backward(
      [loss],
      [constant(1, loss.dtype)],
      variables.map(({ leaf }) => leaf),
    )
    const byPath = new Map(variables.map(({ path }, i) => [path, gradients[i]!]))
    return [result, mapTree(first, isTensor, (_, path) => byPath.get(path)!) as P]
  }

/** A function that returns the gradient of `fn`'s scalar for its first argument. */
export const grad =
  <P extends TensorTree, Rest extends unknown[], R extends Loss>(fn: (first: P, ...rest: Rest) => R) =>
  (first: P, ...rest: Rest): P =>
    valueAndGrad(fn)(first, ...rest)[1]

/**
 * Result of `fn` and a function that pulls gradients of the result back to the arguments.
 *
 * @param inputs tensors that `fn` is called with
 */
export const vjp = (
  fn: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  ...inputs: Tensor[]
): [outputs: Tensor[], pullback: (...cotangents: Tensor[]) => Tensor[]] => {
  const result = fn(...inputs)
  const outputs = isTensor(result) ? [result] : [...result]
  return [outputs, (...cotangents) => backward(outputs, requireCotangents(outputs, cotangents), inputs)]
}

const requireCotangents = (outputs: readonly Tensor[], cotangents: readonly Tensor[]): readonly Tensor[] => {
  const fits =
    cotangents.length === outputs.length && outputs.every(({ shape }, i) => sameShape(shape, cotangents[i]!.shape))
  if (fits) return cotangents
  const texts = [outputs, cotangents].map((list) => list.map(({ shape }) => shapeText(shape)).join(' '))
  throw new TensorError(
    'gradient',
    `vjp: the pullback takes one gradient in the shape of each result (${texts[0]}), got ${texts[1] || 'none'}. Pass one for each.`,
    { op: 'vjp', shapes: cotangents.map(({ shape }) => shapeText(shape)) },
  )
}
