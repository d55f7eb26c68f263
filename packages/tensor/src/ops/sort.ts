import { type Dim, shapeText } from '../dimension'
import { isFloating } from '../dtype'
import { ShapeError, TensorError } from '../errors'
import { count, type Value } from '../reference/value'
import { normalizeAxis } from '../shape'
import { applyAll, type Op, requireNumeric, type Tensor } from '../tensor'
import { putAlongAxis } from './indexing'
import { moveAxis } from './reshape'

/** Which axis is put in order (default: the last). */
interface AxisOption {
  readonly axis?: number
}

/**
 * The `k` largest elements along an axis, in falling order, and their int64 indices.
 * Equal elements keep their order, lower index first; NaN counts as Infinity.
 *
 * @returns values and indices, each as long as `k` along the axis
 */
export const topK = (x: Tensor, k: number, { axis = -1 }: AxisOption = {}): [values: Tensor, indices: Tensor] => {
  if (!Number.isInteger(k) || k < 0)
    throw new ShapeError(`topK: k must be a whole number, got ${k}. Say how many elements to keep.`, { op: 'topK' })
  return ordered('topK', x, axis, true, k)
}

/** x with the elements along an axis in rising (or falling) order. Order of ties and NaN as `argSort` has it. */
export const sort = (x: Tensor, { axis = -1, descending = false }: SortOptions = {}): Tensor =>
  ordered('sort', x, axis, descending)[0]

/**
 * Indices, int64, that put the elements along an axis in rising (or falling) order.
 * Equal elements keep their order, lower index first, in both directions; NaN counts as Infinity.
 */
export const argSort = (x: Tensor, { axis = -1, descending = false }: SortOptions = {}): Tensor =>
  ordered('argSort', x, axis, descending)[1]

/** Axis to sort along (default: the last) and direction (default: rising). */
export interface SortOptions extends AxisOption {
  readonly descending?: boolean
}

type Name = 'topK' | 'sort' | 'argSort'

const ordered = (name: Name, x: Tensor, axis: number, descending: boolean, k?: number): [Tensor, Tensor] => {
  const at = normalizeAxis(name, axis, x.shape.length)
  const last = moveAxis(x, at, -1)
  const results = applyAll(orderOps[name], [last], { k: k ?? last.shape.at(-1)!, descending })
  return results.map((result) => moveAxis(result, -1, at)) as [Tensor, Tensor]
}

interface OrderAttributes {
  readonly k: Dim
  readonly descending: boolean
}

const orderOp = (name: Name): Op<OrderAttributes> => ({
  name,
  infer: ([x], { k }) => {
    requireNumeric(name, x!)
    const width = x!.shape.at(-1)!
    if (typeof width === 'number' && typeof k === 'number' && k > width)
      throw new ShapeError(
        `topK: k must be at most the length of the axis, got ${k} of ${shapeText(x!.shape)}. Use a smaller k.`,
        { op: 'topK', shapes: [shapeText(x!.shape)] },
      )
    const shape = x!.shape.with(-1, k)
    return [
      { dtype: x!.dtype, shape },
      { dtype: 'int64', shape },
    ]
  },
  gradient: ({ inputs: [x], outputs: [, indices] }, [g]) => [g && (() => putAlongAxis(g, indices!, x!.shape.at(-1)!))],
  lower: (onnx, [x], { attributes: { k, descending }, inputs: [type] }) => {
    const order = (keys: string) =>
      onnx.nodes('TopK', [keys, onnx.shape([k])], 2, { axis: -1, largest: Number(descending) })
    if (!isFloating(type!.dtype)) return order(x!)
    // The kernel's order is undefined among NaNs: order what they count as, and read the elements afterwards.
    const infinity = onnx.constant(type!.dtype, [], [Number.POSITIVE_INFINITY])
    const indices = order(onnx.node('Where', [onnx.node('IsNaN', [x!]), infinity, x!]))[1]!
    return [onnx.node('GatherElements', [x!, indices], { axis: -1 }), indices]
  },
  evaluate: ([x], { descending }, { outputs: [output] }) => {
    const k = output!.shape.at(-1)!
    const width = x!.shape.at(-1)!
    if (k > width)
      throw new TensorError(
        'run',
        `topK: k must be at most the length of the axis, got ${k} of ${width}. Use a smaller k.`,
      )
    const values = new Float64Array(count(output!.shape))
    const indices = new Float64Array(values.length)
    for (let row = 0; row * k < values.length; row++) {
      const begin = row * width
      const order = orderOf(x!.data.subarray(begin, begin + width), descending)
      for (let i = 0; i < k; i++) {
        indices[row * k + i] = order[i]!
        values[row * k + i] = x!.data[begin + order[i]!]!
      }
    }
    return [values, indices].map((data): Value => ({ shape: output!.shape, data }))
  },
})

const orderOps: Readonly<Record<Name, Op<OrderAttributes>>> = {
  topK: orderOp('topK'),
  sort: orderOp('sort'),
  argSort: orderOp('argSort'),
}

const orderOf = (row: Float64Array, descending: boolean): number[] => {
  const keys = row.map((value) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value))
  const direction = descending ? -1 : 1
  return [...keys.keys()].sort((a, b) => (keys[a] === keys[b] ? a - b : direction * (keys[a]! - keys[b]!)))
}
