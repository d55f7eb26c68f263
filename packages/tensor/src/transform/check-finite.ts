import { shapeText } from '../dimension'
import { TensorError } from '../errors'
import { cast } from '../ops/cast'
import { abs, lessEqual, not } from '../ops/elementwise'
import { sum } from '../ops/reduce'
import { reshape } from '../ops/reshape'
import { concat } from '../ops/slice'
import { sourceLine } from '../origin'
import { inputName, isInput, type Node, Tensor } from '../tensor'
import type { Program } from '../trace'
import { sortedNodes } from './gradient'

/** A program that looks at all it computes. */
export interface CheckedProgram {
  /** The program with one more result: how many elements of each of `values` are NaN or infinite, float32. */
  readonly program: Program
  /** Every floating value that is read and is no constant, operands first. */
  readonly values: readonly Tensor[]
}

const largest = 3.4028234663852886e38

/** `program` with counts of the elements that are not finite. */
export const withFiniteCounts = (program: Program): CheckedProgram => {
  const floating = readValues(program).filter(({ dtype, node }) => dtype === 'float32' && node.op.name !== 'constant')
  if (floating.length === 0) return { program, values: [] }
  const counts = floating.map((value) => reshape(sum(cast(not(lessEqual(abs(value), largest)), 'float32')), [1]))
  const outputs = [...program.outputs, concat(counts, 0)]
  return { program: { ...program, outputs, nodes: sortedNodes(outputs) }, values: floating }
}

/** What some node or the caller reads, in the order it is computed; a result that nobody reads may not exist at all. */
const readValues = ({ nodes, outputs }: Program): Tensor[] => {
  const read = new Map<Node, Set<number>>()
  for (const { node, index } of [...nodes.flatMap(({ inputs }) => inputs), ...outputs])
    read.set(node, (read.get(node) ?? new Set()).add(index))
  return nodes.flatMap((node) => node.outputs.flatMap((_, i) => (read.get(node)?.has(i) ? [new Tensor(node, i)] : [])))
}

/** @throws TensorError `non-finite` naming the first value that has such elements, with the line that made it */
export const requireFinite = (name: string, values: readonly Tensor[], counts: ArrayLike<number>): void => {
  const at = Array.from(counts).findIndex((count) => count > 0)
  if (at < 0) return
  const value = values[at]!
  const origin = value.node.origin && sourceLine(value.node.origin)
  const what = isInput(value) ? `argument ${inputName(value).replace(/^in_/, '')}` : value.node.op.name
  throw new TensorError(
    'non-finite',
    `run: every value of ${name} must be finite, got ${counts[at]} elements of ${what} ${value.dtype}${shapeText(value.shape)} that are not${origin ? `, made at ${origin}` : ''}. ${advice(value.node)}`,
    { op: value.node.op.name, shapes: [shapeText(value.shape)], ...(origin && { origin }) },
  )
}

const advice = ({ inputs }: Node): string =>
  inputs.length === 0
    ? 'Look for it where the argument comes from.'
    : `Its operands were finite: ${inputs.map((operand) => `${operand}`).join(', ')}.`
