import type { NdArray } from '../array'
import { type Bindings, bindDim, bindShape } from '../dimension'
import { toTyped } from '../dtype'
import type { Node } from '../tensor'
import type { Program } from '../trace'
import { type Value, valuesOf } from './value'

/**
 * Results of `program` in float64, computed by the ops' own reference rules. Slow and exact: the oracle of every test.
 *
 * @param inputs one array per program input, in order
 */
export const evaluateProgram = (program: Program, inputs: readonly NdArray[], bindings: Bindings): NdArray[] => {
  const values = new Map<Node, readonly Value[]>()
  program.inputs.forEach(({ tensor }, i) => {
    const { dtype, shape, data } = inputs[i]!
    values.set(tensor.node, [{ shape, data: valuesOf(dtype, data) }])
  })
  const bind = (dim: Parameters<typeof bindDim>[0]) => bindDim(dim, bindings)
  for (const node of program.nodes) {
    if (values.has(node)) continue
    const operands = node.inputs.map((operand) => values.get(operand.node)![operand.index]!)
    const outputs = node.outputs.map(({ dtype, shape }) => ({ dtype, shape: bindShape(shape, bindings) }))
    const result = node.op.evaluate(operands, node.attributes as never, { outputs, bind })
    values.set(node, Array.isArray(result) ? (result as readonly Value[]) : [result as Value])
  }
  return program.outputs.map((tensor) => {
    const { shape, data } = values.get(tensor.node)![tensor.index]!
    const dtype = tensor.dtype === 'float32' ? 'float64' : tensor.dtype
    return { dtype, shape, data: toTyped(dtype, data) }
  })
}
