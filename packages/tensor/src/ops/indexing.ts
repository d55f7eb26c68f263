import { type Dim, dimension, type Shape, sameDim, shapeText, sizeOf } from '../dimension'
import type { DType } from '../dtype'
import { DTypeError, ShapeError } from '../errors'
import { count, stridesFor, walk } from '../reference/value'
import { normalizeAxis } from '../shape'
import { apply, applyAll, constant, type Op, type Tensor, type TensorType } from '../tensor'
import { cast } from './cast'
import { arange } from './dimension-size'
import { equal } from './elementwise'
import { broadcastTo, unsqueeze } from './reshape'

const requireIndices = (op: string, indices: TensorType): void => {
  if (indices.dtype !== 'int32' && indices.dtype !== 'int64')
    throw new DTypeError(
      `${op}: indices must be int32 or int64, got ${indices.dtype}${shapeText(indices.shape)}. Cast them with cast(x, 'int64').`,
      { op, shapes: [shapeText(indices.shape)] },
    )
}

/**
 * Rows of `x` picked by number, as an embedding look-up does.
 *
 * @param x       [N, ...]
 * @param indices any shape, int32 or int64, in [0, N)
 * @returns       [...indices, ...rest of x]
 */
export const gather = (x: Tensor, indices: Tensor): Tensor => apply(gatherOp, [x, indices], undefined)

const gatherOp: Op<undefined> = {
  name: 'gather',
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
    indices!.data.forEach((at, i) => {
      const begin = (at < 0 ? at + x!.shape[0]! : at) * row
      data.set(x!.data.subarray(begin, begin + row), i * row)
    })
    return { shape: output!.shape, data }
  },
}

/**
 * Sums rows into a table of zeros: row i of `updates` is added to row `indices[i]`.
 *
 * @param updates [...indices, ...row]
 * @param indices int32 or int64, in [0, rows)
 * @returns       [rows, ...row]
 */
export const scatterRows = (updates: Tensor, indices: Tensor, rows: Dim, row: Shape): Tensor =>
  apply(scatterRowsOp, [updates, indices], { rows, row })

const scatterRowsOp: Op<{ readonly rows: Dim; readonly row: Shape }> = {
  name: 'scatterRows',
  infer: ([updates, indices], { rows, row }) => {
    requireIndices('scatterRows', indices!)
    return { dtype: updates!.dtype, shape: [rows, ...row] }
  },
  gradient: ({ inputs: [, indices] }, [g]) => [() => gather(g!, indices!), undefined],
  lower: (onnx, [updates, indices], { outputs: [output], inputs: [, type] }) => {
    const zeros = onnx.node('Expand', [onnx.constant(output!.dtype, [], [0]), onnx.shape(output!.shape)])
    const wide = type!.dtype === 'int64' ? indices! : onnx.node('Cast', [indices!], { to: 7 })
    const places = onnx.node('Unsqueeze', [wide, onnx.constant('int64', [1], [-1])])
    return onnx.node('ScatterND', [zeros, places, updates!], { reduction: 'add' })
  },
  evaluate: ([updates, indices], _, { outputs: [output] }) => {
    const row = count(output!.shape.slice(1))
    const data = new Float64Array(count(output!.shape))
    indices!.data.forEach((at, i) => {
      for (let j = 0; j < row; j++) data[at * row + j]! += updates!.data[i * row + j]!
    })
    return { shape: output!.shape, data }
  },
}

/**
 * Elements picked along the last axis, one list of indices for every row (`torch.gather` on the last axis).
 *
 * @param x       [..., N]
 * @param indices [..., K], int32 or int64, in [0, N)
 * @returns       [..., K]
 */
export const takeAlongAxis = (x: Tensor, indices: Tensor): Tensor => apply(takeOp, [x, indices], undefined)

const takeOp: Op<undefined> = {
  name: 'takeAlongAxis',
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
      data: indices!.data.map((at, i) => x!.data[Math.floor(i / picks) * width + (at < 0 ? at + width : at)]!),
    }
  },
}

/** Sums elements into rows of `length` zeros: the opposite of `takeAlongAxis`. Returns [..., length]. */
export const putAlongAxis = (updates: Tensor, indices: Tensor, length: Dim): Tensor =>
  apply(putOp, [updates, indices], { length })

const putOp: Op<{ readonly length: Dim }> = {
  name: 'putAlongAxis',
  infer: ([updates, indices], { length }) => {
    requireIndices('putAlongAxis', indices!)
    return { dtype: updates!.dtype, shape: [...updates!.shape.slice(0, -1), length] }
  },
  gradient: ({ inputs: [, indices] }, [g]) => [() => takeAlongAxis(g!, indices!), undefined],
  lower: (onnx, [updates, indices], { outputs: [output] }) => {
    const zeros = onnx.node('Expand', [onnx.constant(output!.dtype, [], [0]), onnx.shape(output!.shape)])
    return onnx.node('ScatterElements', [zeros, indices!, updates!], { axis: -1, reduction: 'add' })
  },
  evaluate: ([updates, indices], _, { outputs: [output] }) => {
    const width = output!.shape.at(-1)!
    const picks = indices!.shape.at(-1)!
    const data = new Float64Array(count(output!.shape))
    indices!.data.forEach((at, i) => {
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
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
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

/** The `k` largest elements along the last axis, in falling order, and their int64 indices (lower index first on ties). */
export const topK = (x: Tensor, k: number): [values: Tensor, indices: Tensor] => {
  const [values, indices] = applyAll(topKOp, [x], { k })
  return [values!, indices!]
}

const topKOp: Op<{ readonly k: number }> = {
  name: 'topK',
  infer: ([x], { k }) => {
    const width = x!.shape.at(-1)
    if (width === undefined || (typeof width === 'number' && k > width))
      throw new ShapeError(
        `topK: k must be at most the last axis, got ${k} of ${shapeText(x!.shape)}. Use a smaller k.`,
        { op: 'topK' },
      )
    const shape = x!.shape.with(-1, k)
    return [
      { dtype: x!.dtype, shape },
      { dtype: 'int64', shape },
    ]
  },
  gradient: ({ inputs: [x], outputs: [, indices] }, [g]) => [g && (() => putAlongAxis(g, indices!, x!.shape.at(-1)!))],
  lower: (onnx, [x], { attributes: { k }, inputs: [type], outputs: [output] }) => {
    const top = (rows: string) => onnx.nodes('TopK', [rows, onnx.constant('int64', [1], [k])], 2, { axis: -1 })
    const lead = type!.shape.slice(0, -1)
    if (lead.every((dim) => typeof dim === 'number' && dim > 0)) return top(x!)
    // ONNX Runtime's kernel divides by the number of rows, so there is always one row more.
    const rows = onnx.node('Reshape', [x!, onnx.shape([sizeOf(lead), type!.shape.at(-1)!])], { allowzero: 1 })
    const padded = onnx.node('Pad', [rows, onnx.shape([0, 0, 1, 0])])
    return top(padded).map((result) => {
      const kept = onnx.node('Slice', [result, onnx.shape([0]), onnx.shape([sizeOf(lead)]), onnx.shape([0])])
      return onnx.node('Reshape', [kept, onnx.shape(output!.shape)], { allowzero: 1 })
    })
  },
  evaluate: ([x], { k }, { outputs: [output] }) => {
    const width = x!.shape.at(-1)!
    const values = new Float64Array(count(output!.shape))
    const indices = new Float64Array(values.length)
    for (let row = 0; row < values.length / Math.max(k, 1); row++) {
      const order = [...Array(width).keys()].sort(
        (a, b) => x!.data[row * width + b]! - x!.data[row * width + a]! || a - b,
      )
      for (let i = 0; i < k; i++) {
        indices[row * k + i] = order[i]!
        values[row * k + i] = x!.data[row * width + order[i]!]!
      }
    }
    return [
      { shape: output!.shape, data: values },
      { shape: output!.shape, data: indices },
    ]
  },
}

/** A tensor of `shape` filled with `value`. */
export const full = (shape: readonly (Dim | string)[], value: number, dtype: DType = 'float32'): Tensor =>
  broadcastTo(constant(value, dtype), shape)
/** Zeros of `shape`. */
export const zeros = (shape: readonly (Dim | string)[], dtype: DType = 'float32'): Tensor => full(shape, 0, dtype)
/** Ones of `shape`. */
export const ones = (shape: readonly (Dim | string)[], dtype: DType = 'float32'): Tensor => full(shape, 1, dtype)
