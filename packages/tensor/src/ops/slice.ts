import { addDims, type Dim, sameDim, sameShape, shapeText, subtractDims } from '../dimension'
import { isFloating } from '../dtype'
import { ShapeError } from '../errors'
import { count, stridesFor, type Value, walk } from '../reference/value'
import { normalizeAxis } from '../shape'
import { apply, constantRows, type Op, requireNumeric, type Tensor, unify } from '../tensor'
import { customGradient } from '../transform/custom-gradient'
import { gathered, unsqueeze } from './reshape'

/** Elements `begin` to `end` (not included) along `axis`; negative bounds count from the end. */
export const slice = (
  x: Tensor,
  axis: number,
  begin: Dim,
  end: Dim = x.shape[normalizeAxis('slice', axis, x.shape.length)]!,
): Tensor => {
  const at = normalizeAxis('slice', axis, x.shape.length)
  const length = x.shape[at]!
  const from = fromEnd(begin, length)
  const to = fromEnd(end, length)
  if (from === 0 && sameDim(to, length)) return x
  if (at === 0 && typeof from === 'number' && typeof to === 'number') {
    const rows = constantRows(x, from, to)
    if (rows) return rows
  }
  return apply(sliceOp, [x], { axis: at, begin: from, end: to })
}

const fromEnd = (bound: Dim, length: Dim): Dim =>
  typeof bound === 'number' && bound < 0 ? addDims(length, bound) : bound

interface SliceAttributes {
  readonly axis: number
  readonly begin: Dim
  readonly end: Dim
}

const sliceOp: Op<SliceAttributes> = {
  name: 'slice',
  work: 'move',
  infer: ([x], { axis, begin, end }) => {
    const length = x!.shape[axis]!
    const size = subtractDims(end, begin)
    const outside = typeof length === 'number' && typeof end === 'number' && end > length
    if (outside || (typeof size === 'number' && size < 0))
      throw new ShapeError(
        `slice: bounds must lie inside axis ${axis}, got ${begin} to ${end} of ${shapeText(x!.shape)}. Use smaller bounds.`,
        { op: 'slice', shapes: [shapeText(x!.shape)], axis },
      )
    return { dtype: x!.dtype, shape: x!.shape.with(axis, size) }
  },
  gradient: ({ inputs: [x], attributes: { axis, begin, end } }, [g]) => [
    () => pad(g!, axis, begin, subtractDims(x!.shape[axis]!, end)),
  ],
  lower: (onnx, [x], { attributes: { axis, begin, end } }) =>
    onnx.node('Slice', [x!, onnx.shape([begin]), onnx.shape([end]), onnx.shape([axis])]),
  evaluate: ([x], { axis, begin }, { outputs: [output], bind }) => {
    const strides = stridesFor(x!.shape)
    return gathered(x!, output!.shape, strides, bind(begin) * strides[axis]!)
  },
}

/** x with `before` and `after` zeros added along `axis`. */
export const pad = (x: Tensor, axis: number, before: Dim, after: Dim): Tensor => {
  const at = normalizeAxis('pad', axis, x.shape.length)
  return before === 0 && after === 0 ? x : apply(padOp, [x], { axis: at, before, after })
}

const padOp: Op<{ readonly axis: number; readonly before: Dim; readonly after: Dim }> = {
  name: 'pad',
  work: 'move',
  infer: ([x], { axis, before, after }) => {
    if (x!.dtype !== 'bool') requireNumeric('pad', x!)
    return { dtype: x!.dtype, shape: x!.shape.with(axis, addDims(addDims(x!.shape[axis]!, before), after)) }
  },
  gradient: ({ inputs: [x], attributes: { axis, before } }, [g]) => [
    () => slice(g!, axis, before, addDims(before, x!.shape[axis]!)),
  ],
  lower: (onnx, [x], { attributes: { axis, before, after }, inputs: [type] }) => {
    const rank = type!.shape.length
    const pads: Dim[] = new Array(2 * rank).fill(0)
    pads[axis] = before
    pads[rank + axis] = after
    return onnx.node('Pad', [x!, onnx.shape(pads)])
  },
  evaluate: ([x], { axis, before }, { outputs: [output], bind }) => {
    const data = new Float64Array(count(output!.shape))
    place(data, output!.shape, x!, axis, bind(before))
    return { shape: output!.shape, data }
  },
}

/** The tensors one after the other along `axis`; their other axes must be equal. */
export const concat = (tensors: readonly Tensor[], axis: number): Tensor => {
  if (tensors.length === 0)
    throw new ShapeError('concat: expected at least one tensor, got none. Pass the tensors to join.', { op: 'concat' })
  if (tensors.length === 1) return tensors[0]!
  for (const next of tensors) unify('concat', tensors[0]!, next)
  return apply(concatOp, tensors, { axis: normalizeAxis('concat', axis, tensors[0]!.shape.length) })
}

const concatOp: Op<{ readonly axis: number }> = {
  name: 'concat',
  work: 'move',
  infer: (inputs, { axis }) => {
    const first = inputs[0]!
    for (const { shape } of inputs)
      if (
        shape.length !== first.shape.length ||
        !shape.every((dim, at) => at === axis || sameDim(dim, first.shape[at]!))
      )
        throw new ShapeError(
          `concat: axes other than ${axis} must be equal, got ${shapeText(first.shape)} and ${shapeText(shape)}. Slice or pad one operand.`,
          { op: 'concat', shapes: [shapeText(first.shape), shapeText(shape)], axis },
        )
    return {
      dtype: first.dtype,
      shape: first.shape.with(axis, inputs.map(({ shape }) => shape[axis]!).reduce(addDims)),
    }
  },
  gradient: ({ inputs, attributes: { axis } }, [g]) => {
    let begin: Dim = 0
    return inputs.map(({ shape }) => {
      const from = begin
      const to = (begin = addDims(from, shape[axis]!))
      return () => slice(g!, axis, from, to)
    })
  },
  lower: (onnx, inputs, { attributes }) => onnx.node('Concat', inputs, { axis: attributes.axis }),
  evaluate: (inputs, { axis }, { outputs: [output] }) => {
    const data = new Float64Array(count(output!.shape))
    let begin = 0
    for (const value of inputs) {
      place(data, output!.shape, value, axis, begin)
      begin += value.shape[axis]!
    }
    return { shape: output!.shape, data }
  },
}

/** Writes `value` into an array of `shape`, `begin` elements along `axis`. */
const place = (data: Float64Array, shape: readonly number[], value: Value, axis: number, begin: number): void => {
  const strides = stridesFor(shape)
  walk(value.shape, strides, (index, offset) => {
    data[offset + begin * strides[axis]!] = value.data[index]!
  })
}

/** The tensors along a new first axis. */
export const stack = (tensors: readonly Tensor[]): Tensor => {
  const other = tensors.find(({ shape }) => !sameShape(shape, tensors[0]!.shape))
  if (other)
    throw new ShapeError(
      `stack: shapes must be equal, got ${shapeText(tensors[0]!.shape)} and ${shapeText(other.shape)}. Slice or pad one operand.`,
      { op: 'stack', shapes: [shapeText(tensors[0]!.shape), shapeText(other.shape)] },
    )
  return concat(
    tensors.map((tensor) => unsqueeze(tensor, 0)),
    0,
  )
}

/** All of x in parts along `axis` with the given lengths. Its gradient joins those of the parts in one piece. */
export const split = (x: Tensor, axis: number, lengths: readonly Dim[]): Tensor[] => {
  const at = normalizeAxis('split', axis, x.shape.length)
  const total = lengths.reduce(addDims, 0)
  if (!sameDim(total, x.shape[at]!))
    throw new ShapeError(
      `split: lengths must add up to axis ${axis}, got ${total} of ${shapeText(x.shape)}. Use slice for a part.`,
      { op: 'split', shapes: [shapeText(x.shape)], axis },
    )
  const parts = (): Tensor[] => {
    let begin: Dim = 0
    return lengths.map((length) => {
      const from = begin
      begin = addDims(begin, length)
      return slice(x, at, from, begin)
    })
  }
  return isFloating(x.dtype)
    ? customGradient({ forward: parts, backward: (_, ...gradients) => [concat(gradients, at)] })(x)
    : parts()
}
