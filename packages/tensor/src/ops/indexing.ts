import { type Dim, dimension, type Shape, sameDim, sameShape, shapeText, sizeOf } from '../dimension'
import { type DType, isNumeric } from '../dtype'
import { ShapeError, TensorError } from '../errors'
import { count, stridesFor, walk } from '../reference/value'
import { normalizeAxis } from '../shape'
import { apply, constant, constantSource, type Op, requireIndices, requireNumeric, type Tensor } from '../tensor'
import { cast } from './cast'
import { arange } from './dimension-size'
import { equal, mul } from './elementwise'
import { broadcastTo, moveAxis, transpose, unsqueeze } from './reshape'

/** An index, negative counted from the end, as a place in `length` elements. @throws TensorError when it is outside */
const position = (op: string, index: number, length: number): number => {
  if (index >= -length && index < length) return index < 0 ? index + length : index
  throw new TensorError(
    'run',
    `${op}: indices must lie in [${-length}, ${length - 1}], got ${index}. Check the indices.`,
    {
      op,
    },
  )
}

/** Axis to pick along. */
export interface AxisOptions {
  readonly axis?: number
}

/**
 * Rows of `x` picked by number, as an embedding look-up does; or slices along another axis.
 *
 * @param x       [N, ...]
 * @param indices any shape, int32 or int64, in [−N, N); negative ones count from the end
 * @returns       [...indices, ...rest of x]; with `axis` the axes of `indices` stand in its place
 */
export const gather = (x: Tensor, indices: Tensor, { axis = 0 }: AxisOptions = {}): Tensor => {
  if (axis === 0 || x.shape.length === 0) return quantizedRowsAt(x, indices) ?? apply(gatherOp, [x, indices], undefined)
  const at = normalizeAxis('gather', axis, x.shape.length)
  const picked = apply(gatherOp, [moveAxis(x, at, 0), indices], undefined)
  const before = x.shape.slice(0, at).map((_, i) => indices.shape.length + i)
  const own = indices.shape.map((_, i) => i)
  return transpose(picked, [...before, ...own, ...picked.shape.map((_, i) => i).slice(before.length + own.length)])
}

/** Rows of an int8 matrix [out, in], widened after the look-up; undefined for every other table. */
const quantizedRowsAt = (x: Tensor, indices: Tensor): Tensor | undefined => {
  const matrix = constantSource(x)?.quantized
  if (matrix?.weight.scheme !== 'int8' || matrix.outputAxis !== 0) return undefined
  const { backwardCodes, backwardScales } = matrix.weight
  return mul(cast(gather(constant(backwardCodes), indices), 'float32'), constant(backwardScales))
}

const gatherOp: Op<undefined> = {
  name: 'gather',
  work: 'move',
  infer: ([x, indices]) => {
    requireIndices('gather', indices!)
    if (x!.shape.length === 0)
      throw new ShapeError(`gather: expected a table with rows, got a scalar. Pass a tensor with one axis or more.`, {
        op: 'gather',
      })
    return { dtype: x!.dtype, shape: [...indices!.shape, ...x!.shape.slice(1)] }
  },
  gradient: ({ inputs: [x, indices] }, [g]) => [
    () => scatterRows(g!, indices!, x!.shape[0]!, x!.shape.slice(1)),
    undefined,
  ],
  lower: (onnx, inputs) => onnx.node('Gather', inputs, { axis: 0 }),
  evaluate: ([x, indices], _, { outputs: [output] }) => {
    const row = count(x!.shape.slice(1))
    const data = new Float64Array(count(output!.shape))
    indices!.data.forEach((index, i) => {
      const begin = position('gather', index, x!.shape[0]!) * row
      data.set(x!.data.subarray(begin, begin + row), i * row)
    })
    return { shape: output!.shape, data }
  },
}

/**
 * Sums rows into a table of zeros: row i of `updates` is added to row `indices[i]`.
 *
 * @param updates [...indices, ...row]
 * @param indices int32 or int64, in [−rows, rows)
 * @returns       [rows, ...row]
 */
export const scatterRows = (updates: Tensor, indices: Tensor, rows: Dim, row: Shape): Tensor =>
  apply(scatterRowsOp, [updates, indices], { rows, row })

const scatterRowsOp: Op<{ readonly rows: Dim; readonly row: Shape }> = {
  name: 'scatterRows',
  work: ({ inputs: [updates] }) => sizeOf(updates!.shape),
  infer: ([updates, indices], { rows, row }) => {
    requireNumeric('scatterRows', updates!)
    requireIndices('scatterRows', indices!)
    if (!sameShape(updates!.shape, [...indices!.shape, ...row]))
      throw new ShapeError(
        `scatterRows: updates must be the indices' shape, then a row, got ${shapeText(updates!.shape)} for indices ${shapeText(indices!.shape)} and rows ${shapeText(row)}. Reshape the updates.`,
        { op: 'scatterRows', shapes: [shapeText(updates!.shape), shapeText(indices!.shape)] },
      )
    return { dtype: updates!.dtype, shape: [rows, ...row] }
  },
  gradient: ({ inputs: [, indices] }, [g]) => [() => gather(g!, indices!), undefined],
  lower: (onnx, [updates, indices], { outputs: [output], inputs: [, type] }) => {
    const zeros = onnx.zeros(output!.dtype, output!.shape)
    const wide = type!.dtype === 'int64' ? indices! : onnx.node('Cast', [indices!], { to: 7 })
    const places = onnx.node('Unsqueeze', [wide, onnx.constant('int64', [1], [-1])])
    return onnx.node('ScatterND', [zeros, places, updates!], { reduction: 'add' })
  },
  evaluate: ([updates, indices], _, { outputs: [output] }) => {
    const row = count(output!.shape.slice(1))
    const data = new Float64Array(count(output!.shape))
    indices!.data.forEach((index, i) => {
      const at = position('scatterRows', index, output!.shape[0]!)
      for (let j = 0; j < row; j++) data[at * row + j]! += updates!.data[i * row + j]!
    })
    return { shape: output!.shape, data }
  },
}

/**
 * Elements picked along an axis (default: the last), one list of indices for every row (`torch.gather`).
 *
 * @param x       [..., N]
 * @param indices [..., K], int32 or int64, in [−N, N); negative ones count from the end
 * @returns       [..., K]
 */
export const takeAlongAxis = (x: Tensor, indices: Tensor, { axis = -1 }: AxisOptions = {}): Tensor => {
  const last = (t: Tensor) => moveAxis(t, axis, -1)
  return axis === -1
    ? apply(takeOp, [x, indices], undefined)
    : moveAxis(apply(takeOp, [last(x), last(indices)], undefined), -1, axis)
}

const takeOp: Op<undefined> = {
  name: 'takeAlongAxis',
  work: 'move',
  infer: ([x, indices]) => {
    requireIndices('takeAlongAxis', indices!)
    const [a, b] = [x!.shape, indices!.shape]
    if (a.length !== b.length || a.length === 0 || !a.slice(0, -1).every((dim, axis) => sameDim(dim, b[axis]!)))
      throw new ShapeError(
        `takeAlongAxis: all axes but the last must be equal, got ${shapeText(a)} and ${shapeText(b)}. Broadcast the indices first.`,
        { op: 'takeAlongAxis', shapes: [shapeText(a), shapeText(b)] },
      )
    return { dtype: x!.dtype, shape: b }
  },
  gradient: ({ inputs: [x, indices] }, [g]) => [() => putAlongAxis(g!, indices!, x!.shape.at(-1)!), undefined],
  lower: (onnx, inputs) => onnx.node('GatherElements', inputs, { axis: -1 }),
  evaluate: ([x, indices], _, { outputs: [output] }) => {
    const width = x!.shape.at(-1)!
    const picks = indices!.shape.at(-1)!
    return {
      shape: output!.shape,
      data: indices!.data.map(
        (index, i) => x!.data[Math.floor(i / picks) * width + position('takeAlongAxis', index, width)]!,
      ),
    }
  },
}

/** Sums elements into rows of `length` zeros: the opposite of `takeAlongAxis`. Returns [..., length]. */
export const putAlongAxis = (
  updates: Tensor,
  indices: Tensor,
  length: Dim,
  { axis = -1 }: AxisOptions = {},
): Tensor => {
  const last = (t: Tensor) => moveAxis(t, axis, -1)
  return axis === -1
    ? apply(putOp, [updates, indices], { length })
    : moveAxis(apply(putOp, [last(updates), last(indices)], { length }), -1, axis)
}

const putOp: Op<{ readonly length: Dim }> = {
  name: 'putAlongAxis',
  work: ({ inputs: [updates] }) => sizeOf(updates!.shape),
  infer: ([updates, indices], { length }) => {
    requireNumeric('putAlongAxis', updates!)
    requireIndices('putAlongAxis', indices!)
    if (updates!.shape.length === 0 || !sameShape(updates!.shape, indices!.shape))
      throw new ShapeError(
        `putAlongAxis: updates and indices must have one shape, got ${shapeText(updates!.shape)} and ${shapeText(indices!.shape)}. Broadcast one of them.`,
        { op: 'putAlongAxis', shapes: [shapeText(updates!.shape), shapeText(indices!.shape)] },
      )
    return { dtype: updates!.dtype, shape: [...updates!.shape.slice(0, -1), length] }
  },
  gradient: ({ inputs: [, indices] }, [g]) => [() => takeAlongAxis(g!, indices!), undefined],
  lower: (onnx, [updates, indices], { outputs: [output] }) => {
    const zeros = onnx.zeros(output!.dtype, output!.shape)
    return onnx.node('ScatterElements', [zeros, indices!, updates!], { axis: -1, reduction: 'add' })
  },
  evaluate: ([updates, indices], _, { outputs: [output] }) => {
    const width = output!.shape.at(-1)!
    const picks = indices!.shape.at(-1)!
    const data = new Float64Array(count(output!.shape))
    indices!.data.forEach((index, i) => {
      const at = position('putAlongAxis', index, width)
      data[Math.floor(i / picks) * width + at]! += updates!.data[i]!
    })
    return { shape: output!.shape, data }
  },
}

/** 1 at the index and 0 elsewhere, along a new last axis of `depth`. */
export const oneHot = (indices: Tensor, depth: Dim | string, dtype: DType = 'float32'): Tensor => {
  const length = typeof depth === 'string' ? dimension(depth) : depth
  return cast(equal(unsqueeze(cast(indices, 'int64'), -1), arange(length)), dtype)
}

/** Running sum along `axis`; `reverse` sums from the end, `exclusive` leaves the element itself out. */
export const cumulativeSum = (
  x: Tensor,
  axis = -1,
  { reverse = false, exclusive = false }: { readonly reverse?: boolean; readonly exclusive?: boolean } = {},
): Tensor =>
  apply(cumulativeSumOp, [x], { axis: normalizeAxis('cumulativeSum', axis, x.shape.length), reverse, exclusive })

const cumulativeSumOp: Op<{ readonly axis: number; readonly reverse: boolean; readonly exclusive: boolean }> = {
  name: 'cumulativeSum',
  infer: ([x]) => {
    requireNumeric('cumulativeSum', x!)
    return { dtype: x!.dtype, shape: x!.shape }
  },
  gradient: ({ attributes: { axis, reverse, exclusive } }, [g]) => [
    () => cumulativeSum(g!, axis, { reverse: !reverse, exclusive }),
  ],
  lower: (onnx, [x], { attributes: { axis, reverse, exclusive } }) =>
    onnx.node('CumSum', [x!, onnx.constant('int64', [], [axis])], {
      reverse: Number(reverse),
      exclusive: Number(exclusive),
    }),
  evaluate: ([x], { axis, reverse, exclusive }) => {
    const length = x!.shape[axis]!
    const step = stridesFor(x!.shape)[axis]!
    const data = new Float64Array(x!.data.length)
    walk(x!.shape.with(axis, length ? 1 : 0), stridesFor(x!.shape), (_, start) => {
      let total = 0
      for (let i = 0; i < length; i++) {
        const at = start + (reverse ? length - 1 - i : i) * step
        if (exclusive) data[at] = total
        total += x!.data[at]!
        if (!exclusive) data[at] = total
      }
    })
    return { shape: x!.shape, data }
  },
}

/** A tensor of `shape` filled with `value`. */
export const full = (shape: readonly (Dim | string)[], value: number, dtype: DType = 'float32'): Tensor =>
  isNumeric(dtype) || dtype === 'bool'
    ? broadcastTo(constant(value, dtype), shape)
    : cast(broadcastTo(constant(value, 'float32'), shape), dtype)
/** Zeros of `shape`. */
export const zeros = (shape: readonly (Dim | string)[], dtype: DType = 'float32'): Tensor => full(shape, 0, dtype)
/** Ones of `shape`. */
export const ones = (shape: readonly (Dim | string)[], dtype: DType = 'float32'): Tensor => full(shape, 1, dtype)
