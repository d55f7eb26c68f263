import { sameShape } from '../dimension'
import type { Node, Tensor } from '../tensor'
import type { Program } from '../trace'

/** A sum and the operand whose op can lower the two as one. */
export interface FusedSum {
  readonly product: Node
  readonly addend: Tensor
}

/**
 * Sums of `program` that are lowered together with one of their operands: its op has `lowerSum` and one result, nobody
 * else reads it, and the other operand has its shape. By the node of the sum.
 */
export const fusedSums = ({ nodes, outputs }: Program): Map<Node, FusedSum> => {
  const readers = new Map<Node, number>()
  for (const { node } of [...nodes.flatMap(({ inputs }) => inputs), ...outputs])
    readers.set(node, (readers.get(node) ?? 0) + 1)
  const sums = new Map<Node, FusedSum>()
  for (const node of nodes) {
    const [a, b] = node.inputs
    if (node.op.name !== 'add' || !sameShape(a!.shape, b!.shape)) continue
    const isProduct = ({ node: { op, outputs: results } }: Tensor): boolean =>
      op.lowerSum !== undefined && results.length === 1
    const product = [b!, a!].find((operand) => isProduct(operand) && readers.get(operand.node) === 1)
    if (product) sums.set(node, { product: product.node, addend: product === b ? a! : b! })
  }
  return sums
}
