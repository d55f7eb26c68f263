import {
  type Dim,
  dimension,
  divideDims,
  multiplyDims,
  type Shape,
  sameDim,
  sameShape,
  shapeText,
  sizeOf,
} from '../dimension'
import { ShapeError } from '../errors'
import { count, stretch, stridesFor, type Value, walk } from '../reference/value'
import { broadcastShapes, normalizeAxis, stretchedAxes } from '../shape'
import { apply, type Op, requireNumeric, type Tensor, type TensorLike, unify } from '../tensor'
import { sum } from './reduce'

/** An axis length to ask for: a number, a named or derived dimension, or −1 for "what is left". */
export type Length = Dim | string

const asDims = (lengths: readonly Length[]): Dim[] =>
  lengths.map((length) => (typeof length === 'string' ? dimension(length) : length))

/** x with the same elements in another shape; one length may be −1. @throws ShapeError when sizes differ */
export const reshape = (x: Tensor, lengths: readonly Length[]): Tensor => {
  const shape = fill(x.shape, asDims(lengths))
  return sameShape(shape, x.shape) ? x : apply(reshapeOp, [x], { shape })
}

/** Product of what is left of `from` after taking away each axis of `known`; sums of names cannot be divided. */
const remainder = (from: Shape, known: readonly Dim[]): Dim | undefined => {
  const rest = [...from]
  const others = known.filter((dim) => {
    const at = rest.findIndex((candidate) => sameDim(candidate, dim))
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
  return divideDims(sizeOf(rest), sizeOf(others))
}

const fill = (from: Shape, to: readonly Dim[]): Shape => {
  const open = to.indexOf(-1)
  const known = to.filter((_, axis) => axis !== open)
  const rest = open < 0 ? undefined : remainder(from, known)
  const negative = known.some((dim) => typeof dim === 'number' && dim < 0)
  if (negative || (open < 0 ? !sameDim(sizeOf(from), sizeOf(known)) : rest === undefined))
    throw new ShapeError(
      `reshape: sizes must be equal, got ${shapeText(from)} (${sizeOf(from)} elements) for ${shapeText(to)}. Use other lengths, or one -1.`,
      { op: 'reshape', shapes: [shapeText(from), shapeText(to)] },
    )
  return to.map((dim, axis) => (axis === open ? rest! : dim))
}

const reshapeOp: Op<{ readonly shape: Shape }> = {
  name: 'reshape',
  work: 'view',
  infer: ([x], { shape }) => ({ dtype: x!.dtype, shape }),
  gradient: ({ inputs: [x] }, [g]) => [() => reshape(g!, x!.shape)],
  lower: (onnx, [x], { attributes: { shape } }) =>
    onnx.node('Reshape', [x!, onnx.shape(oneOpen(shape))], { allowzero: 1 }),
  evaluate: ([x], _, { outputs: [output] }) => ({ shape: output!.shape, data: x!.data }),
}

/** A single symbolic axis can be written as −1, which spares the graph the computation of its length. */
const oneOpen = (shape: Shape): Shape => {
  const symbolic = shape.filter((dim) => typeof dim !== 'number').length
  return symbolic === 1 && !shape.includes(0) ? shape.map((dim) => (typeof dim === 'number' ? dim : -1)) : shape
}

/** x with its axes in the order `permutation` (default: reversed). */
export const transpose = (
  x: Tensor,
  permutation: readonly number[] = x.shape.map((_, axis) => x.shape.length - 1 - axis),
): Tensor =>
  permutation.every((from, to) => from === to) && permutation.length === x.shape.length
    ? x
    : apply(transposeOp, [x], {
        permutation: permutation.map((axis) => normalizeAxis('transpose', axis, x.shape.length)),
      })

const inverse = (permutation: readonly number[]): number[] => {
  const result: number[] = []
  permutation.forEach((from, to) => {
    result[from] = to
  })
  return result
}

const transposeOp: Op<{ readonly permutation: readonly number[] }> = {
  name: 'transpose',
  work: 'move',
  infer: ([x], { permutation }) => {
    if (permutation.length !== x!.shape.length || new Set(permutation).size !== permutation.length)
      throw new ShapeError(
        `transpose: permutation must name each axis once, got [${permutation}] for ${shapeText(x!.shape)}. List every axis.`,
        { op: 'transpose', shapes: [shapeText(x!.shape)] },
      )
    return { dtype: x!.dtype, shape: permutation.map((axis) => x!.shape[axis]!) }
  },
  gradient: ({ attributes }, [g]) => [() => transpose(g!, inverse(attributes.permutation))],
  lower: (onnx, [x], { attributes }) => onnx.node('Transpose', [x!], { perm: attributes.permutation }),
  evaluate: ([x], { permutation }, { outputs: [output] }) => {
    const strides = stridesFor(x!.shape)
    return gathered(
      x!,
      output!.shape,
      permutation.map((axis) => strides[axis]!),
      0,
    )
  },
}

/** x with axis `from` moved to place `to`; the others keep their order. */
export const moveAxis = (x: Tensor, from: number, to: number): Tensor => {
  const rank = x.shape.length
  const [source, target] = [normalizeAxis('moveAxis', from, rank), normalizeAxis('moveAxis', to, rank)]
  const others = x.shape.map((_, axis) => axis).filter((axis) => axis !== source)
  return transpose(x, others.toSpliced(target, 0, source))
}

/** Elements of a value at the given strides, from `start` on. */
export const gathered = (x: Value, shape: readonly number[], strides: readonly number[], start: number): Value => {
  const data = new Float64Array(count(shape))
  walk(shape, strides, (index, offset) => {
    data[index] = x.data[start + offset]!
  })
  return { shape, data }
}

/** x stretched to `shape` by repeating axes of length 1. */
export const broadcastTo = (x: Tensor, lengths: readonly Length[]): Tensor => {
  const shape = asDims(lengths)
  if (sameShape(x.shape, shape)) return x
  const reached = broadcastShapes('broadcastTo', x.shape, shape)
  if (!sameShape(reached, shape))
    throw new ShapeError(
      `broadcastTo: axes must be 1 to stretch, got ${shapeText(x.shape)} for ${shapeText(shape)}. Reshape the operand first.`,
      { op: 'broadcastTo', shapes: [shapeText(x.shape), shapeText(shape)] },
    )
  return apply(broadcastOp, [x], { shape })
}

const broadcastOp: Op<{ readonly shape: Shape }> = {
  name: 'broadcastTo',
  work: 'move',
  infer: ([x], { shape }) => {
    if (x!.dtype !== 'bool') requireNumeric('broadcastTo', x!)
    return { dtype: x!.dtype, shape }
  },
  gradient: ({ inputs: [x] }, [g]) => [() => unbroadcast(g!, x!.shape)],
  lower: (onnx, [x], { attributes }) => onnx.node('Expand', [x!, onnx.shape(attributes.shape)]),
  evaluate: ([x], _, { outputs: [output] }) => ({ shape: output!.shape, data: stretch(x!, output!.shape) }),
}

/** Sum of `gradient` over the axes along which an operand of `shape` was broadcast. */
export const unbroadcast = (gradient: Tensor, shape: Shape): Tensor => {
  if (sameShape(gradient.shape, shape)) return gradient
  const axes = stretchedAxes(shape, gradient.shape)
  return reshape(axes.length ? sum(gradient, { axes, keepAxes: true }) : broadcastTo(gradient, shape), shape)
}

/** x with `axis` removed; its length must be 1. */
export const squeeze = (x: Tensor, axis: number): Tensor => {
  const at = normalizeAxis('squeeze', axis, x.shape.length)
  if (x.shape[at] !== 1)
    throw new ShapeError(
      `squeeze: axis ${axis} must have length 1, got ${shapeText(x.shape)}. Slice or sum it first.`,
      {
        op: 'squeeze',
        axis,
      },
    )
  return reshape(x, x.shape.toSpliced(at, 1))
}

/** x with a new axis of length 1 before `axis` (negative: counted from the end of the result). */
export const unsqueeze = (x: Tensor, axis: number): Tensor =>
  reshape(x, x.shape.toSpliced(normalizeAxis('unsqueeze', axis, x.shape.length + 1), 0, 1))

/** Number of elements along the given axes. */
export const countAlong = (shape: Shape, axes: readonly number[]): Dim =>
  axes.map((axis) => shape[axis]!).reduce<Dim>(multiplyDims, 1)

/** x flattened to one axis. */
export const flatten = (x: TensorLike): Tensor => reshape(unify('flatten', x, x)[0], [-1])
