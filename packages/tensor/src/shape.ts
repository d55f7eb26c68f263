import { type Dim, type Shape, sameDim, shapeText } from './dimension'
import { ShapeError } from './errors'

/**
 * Shape of an elementwise result: axes align at the end, and an axis of 1 stretches to the other's length.
 *
 * @param whole shapes of the operands for the error, where a and b are parts of them
 */
export const broadcastShapes = (op: string, a: Shape, b: Shape, whole: readonly [Shape, Shape] = [a, b]): Shape => {
  const rank = Math.max(a.length, b.length)
  const result: Dim[] = []
  for (let axis = 0; axis < rank; axis++) {
    const left = a[a.length - rank + axis] ?? 1
    const right = b[b.length - rank + axis] ?? 1
    if (sameDim(left, right) || right === 1) result.push(left)
    else if (left === 1) result.push(right)
    else throw mismatch(op, whole, axis - rank - (whole[0].length - a.length))
  }
  return result
}

const mismatch = (op: string, operands: readonly [Shape, Shape], axis: number): ShapeError => {
  const shapes = operands.map(shapeText)
  return new ShapeError(
    `${op}: axes must be equal or 1, got ${shapes[0]} and ${shapes[1]} (axis ${axis}). Reshape or slice one operand.`,
    { op, shapes, axis },
  )
}

/** Axis as an index from the front. @throws ShapeError when it is outside the shape */
export const normalizeAxis = (op: string, axis: number, rank: number): number => {
  const index = axis < 0 ? axis + rank : axis
  if (rank === 0)
    throw new ShapeError(`${op}: expected a tensor with an axis ${axis}, got a scalar. Add an axis with unsqueeze.`, {
      op,
      axis,
    })
  if (!Number.isInteger(axis) || index < 0 || index >= rank)
    throw new ShapeError(`${op}: axis must lie in [${-rank}, ${rank - 1}], got ${axis}. Name an axis of the operand.`, {
      op,
      axis,
    })
  return index
}

/** Axes of `from` that broadcasting to `to` stretched or added, as indices into `to`. */
export const stretchedAxes = (from: Shape, to: Shape): number[] => {
  const lead = to.length - from.length
  return to.flatMap((dim, axis) => (axis < lead || (from[axis - lead] === 1 && dim !== 1) ? [axis] : []))
}
