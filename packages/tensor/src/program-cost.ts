import { addDims, bindDim, type Dim, multiplyDims, type Shape, sizeOf } from './dimension'
import { bytesPerElement } from './dtype'
import { constantSource, type LoweredCall, type Node, Tensor, type TensorType } from './tensor'
import type { Program } from './trace'

/**
 * An estimate of what one call of a program takes, symbolic in its named dimensions.
 *
 * A product of matrices counts two operations for each multiply-add, a reduction one for each element it reads, moving
 * elements none, and anything else one for each element of its results. An operation reads its operands and writes its
 * results once; what a runtime fuses it saves.
 */
export interface ProgramCost {
  /** Operations in the trace, arguments and constants left out. */
  readonly operations: number
  /** Floating-point operations. */
  readonly flops: Dim
  /** Bytes that operations read and write. */
  readonly bytesMoved: Dim
  /** Bytes of the constants: frozen weights. */
  readonly constantBytes: number
  /** Bytes of the arguments: parameters, state and data. */
  readonly argumentBytes: Dim
}

/** The estimated cost of one call of `program`. */
export const programCost = (program: Program): ProgramCost => {
  const constants = program.nodes.flatMap(constantsOf)
  const operations = program.nodes.filter(({ op, inputs }) => inputs.length > 0 || !unpaid.has(op.name))
  return {
    operations: operations.length,
    flops: total(operations, flopsOf),
    bytesMoved: total(operations, bytesMovedBy),
    constantBytes: constants.map(bytesOf).reduce<number>((sum, bytes) => sum + (bytes as number), 0),
    argumentBytes: program.inputs.map(bytesOf).reduce(addDims, 0),
  }
}

/** A cost in numbers, for the given lengths of the named dimensions: `costAt(cost, { B: 4, T: 512 })`. */
export const costAt = (
  cost: ProgramCost,
  lengths: Readonly<Record<string, number>>,
): { readonly [K in keyof ProgramCost]: number } => {
  const bindings = new Map(Object.entries(lengths))
  return {
    operations: cost.operations,
    flops: bindDim(cost.flops, bindings),
    bytesMoved: bindDim(cost.bytesMoved, bindings),
    constantBytes: cost.constantBytes,
    argumentBytes: bindDim(cost.argumentBytes, bindings),
  }
}

const constantsOf = (node: Node): readonly TensorType[] => {
  const own = constantSource(new Tensor(node))
  return own ? [own] : (node.op.constants?.(node.attributes as never) ?? [])
}

const unpaid = new Set(['input', 'constant'])

/** Nodes of a large program are many, but few differ in op and types: each kind is computed once. */
const total = (nodes: readonly Node[], costOf: (node: Node) => Dim): Dim => {
  const kinds = new Map<string, { readonly node: Node; times: number }>()
  for (const node of nodes) {
    const kind = kindOf(node)
    const entry = kinds.get(kind) ?? { node, times: 0 }
    entry.times++
    kinds.set(kind, entry)
  }
  return [...kinds.values()].map(({ node, times }) => multiplyDims(costOf(node), times)).reduce(addDims, 0)
}

const kindOf = ({ op, inputs, outputs, attributes }: Node): string => {
  const types = [...inputs, ...outputs].map(({ dtype, shape }) => `${dtype}[${shape}]`)
  return `${op.name} ${types.join(' ')} ${typeof op.work === 'function' ? JSON.stringify(attributes) : ''}`
}

const bytesOf = ({ dtype, shape }: TensorType): Dim => multiplyDims(sizeOf(shape), bytesPerElement[dtype])

const elementsOf = (types: readonly { readonly shape: Shape }[]): Dim =>
  types.map(({ shape }) => sizeOf(shape)).reduce(addDims, 0)

const flopsOf = ({ op, inputs, outputs, attributes }: Node): Dim => {
  const { work } = op
  if (work === 'view' || work === 'move') return 0
  const call: LoweredCall<never> = { inputs, outputs, attributes: attributes as never }
  return work ? work(call) : elementsOf(outputs)
}

const bytesMovedBy = ({ op, inputs, outputs, attributes }: Node): Dim => {
  if (op.work === 'view') return 0
  const written = outputs.map(bytesOf).reduce(addDims, 0)
  const read = [...inputs, ...(op.constants?.(attributes as never) ?? [])]
  return op.work === 'move' ? multiplyDims(written, 2) : read.map(bytesOf).reduce(addDims, written)
}
