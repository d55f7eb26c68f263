import type { Node, Tensor } from '../tensor'
import type { Program } from '../trace'
import { sortedNodes } from './gradient'

/** True for ops whose results are the memory of operands. */
const aliases = ({ op }: Node): boolean => op.work === 'view'
/** Ops that read element i only to write element i. */
const elementwise = new Set(['add', 'sub', 'mul', 'div', 'neg', 'where', 'sqrt', 'maximum', 'minimum', 'cast'])

/**
 * True where output `index` may be written over input `index` while the program runs: every reader of the input is
 * an ancestor of the writer, or the writer itself going element by element, and no other output returns the input.
 * Otherwise the runtime needs two buffers.
 */
export const mayOverwrite = (program: Program, index: number): boolean => {
  const source = program.inputs[index]!.tensor.node
  const writer = producer(program.outputs[index]!)
  if (writer === source) return true
  if (program.outputs.some((output, other) => other !== index && producer(output) === source)) return false
  const ancestors = new Set(sortedNodes([program.outputs[index]!]))
  return readersOf(program, source).every((reader) =>
    reader === writer ? elementwise.has(writer.op.name) : ancestors.has(reader),
  )
}

const producer = (tensor: Tensor): Node => {
  let { node, index } = tensor
  while (aliases(node)) {
    const operands = node.op.name === 'customGradient' ? node.inputs.slice(-node.outputs.length) : node.inputs
    const next = operands[index]!
    node = next.node
    index = next.index
  }
  return node
}

const readersOf = (program: Program, source: Node): Node[] => {
  const same = new Set([source])
  const readers: Node[] = []
  for (const node of program.nodes) {
    if (!node.inputs.some((operand) => same.has(operand.node))) continue
    if (aliases(node)) same.add(node)
    else readers.push(node)
  }
  return readers
}
