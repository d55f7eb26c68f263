import { multiplyDims, type Shape, shapeText, sizeOf } from '../dimension'
import { ShapeError, TensorError } from '../errors'
import type { Lowering } from '../onnx/lowering'
import { count, stridesFor, walk } from '../reference/value'
import { normalizeAxis } from '../shape'
import { apply, type GradientRule, type Op, requireFloating, requireNumeric, type Tensor } from '../tensor'
import { cast } from './cast'
import { dimensionSize } from './dimension-size'
import { div, equal, exp, mul, sub } from './elementwise'
import { broadcastTo, reshape } from './reshape'

/** Which axes a reduction takes away (default: all) and whether they stay with length 1. */
export interface ReduceOptions {
  readonly axes?: readonly number[] | number
  readonly keepAxes?: boolean
}

interface ReduceAttributes {
  readonly axes: readonly number[]
  readonly keepAxes: boolean
}

const reducedShape = (shape: Shape, { axes, keepAxes }: ReduceAttributes): Shape =>
  keepAxes ? shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)) : shape.filter((_, axis) => !axes.includes(axis))

const reduction = (
  name: string,
  rule: {
    readonly onnx: string
    readonly start: number
    readonly step: (total: number, x: number) => number
    readonly gradient: GradientRule<ReduceAttributes>
  },
): ((x: Tensor, options?: ReduceOptions) => Tensor) => {
  const op: Op<ReduceAttributes> = {
    name,
    work: ({ inputs: [x] }) => sizeOf(x!.shape),
    infer: ([x], attributes) => {
      requireNumeric(name, x!)
      return { dtype: x!.dtype, shape: reducedShape(x!.shape, attributes) }
    },
    gradient: rule.gradient,
    lower: (onnx, [x], { attributes }) => lowerReduce(onnx, rule.onnx, x!, attributes),
    evaluate: ([x], attributes, { outputs: [output] }) => {
      const kept = reducedShape(x!.shape, { ...attributes, keepAxes: true }) as number[]
      const data = new Float64Array(count(kept)).fill(rule.start)
      walk(x!.shape, stridesFor(kept, x!.shape), (index, offset) => {
        data[offset] = rule.step(data[offset]!, x!.data[index]!)
      })
      return { shape: output!.shape, data }
    },
  }
  return (x, { axes = x.shape.map((_, axis) => axis), keepAxes = false } = {}) => {
    const list = (typeof axes === 'number' ? [axes] : axes).map((axis) => normalizeAxis(name, axis, x.shape.length))
    return list.length === 0 ? x : apply(op, [x], { axes: list, keepAxes })
  }
}

const lowerReduce = (onnx: Lowering, type: string, x: string, { axes, keepAxes }: ReduceAttributes): string =>
  onnx.node(type, [x, onnx.constant('int64', [axes.length], axes)], { keepdims: keepAxes ? 1 : 0 })

const largest = 3.4028234663852886e38

/**
 * The largest x along `axes` and log Σ e^(x − largest), both with those axes at length 1: together they are log Σ e^x.
 * Nodes that do not overflow, for WebGPU, whose own kernel does above 88.
 */
export const lowerLogSumExp = (onnx: Lowering, x: string, axes: readonly number[]): { top: string; log: string } => {
  const kept = { axes, keepAxes: true }
  const [low, high] = [-largest, largest].map((bound) => onnx.constant('float32', [], [bound])) as [string, string]
  const top = onnx.node('Clip', [lowerReduce(onnx, 'ReduceMax', x, kept), low, high]) // ∞ − ∞ would be NaN
  const total = lowerReduce(onnx, 'ReduceSum', onnx.node('Exp', [onnx.node('Sub', [x, top])]), kept)
  return { top, log: onnx.node('Log', [total]) }
}

/** `reduced` with its axes back at length 1, so that it broadcasts against the operand. */
const restored = (reduced: Tensor, shape: Shape, { axes }: ReduceAttributes): Tensor =>
  reshape(
    reduced,
    shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)),
  )

/** Sum over the given axes (default: all). */
export const sum = reduction('sum', {
  onnx: 'ReduceSum',
  start: 0,
  step: (total, x) => total + x,
  gradient: ({ inputs: [x], attributes }, [g]) => [() => broadcastTo(restored(g!, x!.shape, attributes), x!.shape)],
})

/** 1 at the elements equal to the extreme, shared evenly among ties. */
const extremeGradient: GradientRule<ReduceAttributes> = ({ inputs: [x], outputs: [y], attributes }, [g]) => [
  () => {
    const hits = cast(equal(x!, restored(y!, x!.shape, attributes)), x!.dtype)
    const share = div(hits, sum(hits, { axes: attributes.axes, keepAxes: true }))
    return mul(share, restored(g!, x!.shape, attributes))
  },
]

/** Largest element along the given axes (default: all); −Infinity of none. Where elements are NaN, which result is unspecified. */
export const max = reduction('max', {
  onnx: 'ReduceMax',
  start: Number.NEGATIVE_INFINITY,
  step: (total, x) => Math.max(total, x),
  gradient: extremeGradient,
})

/** Smallest element along the given axes (default: all); Infinity of none. Where elements are NaN, which result is unspecified. */
export const min = reduction('min', {
  onnx: 'ReduceMin',
  start: Number.POSITIVE_INFINITY,
  step: (total, x) => Math.min(total, x),
  gradient: extremeGradient,
})

/** Mean over the given axes (default: all); NaN over no elements. */
export const mean = (
  x: Tensor,
  { axes = x.shape.map((_, axis) => axis), keepAxes = false }: ReduceOptions = {},
): Tensor => {
  requireFloating('mean', x)
  const list = (typeof axes === 'number' ? [axes] : axes).map((axis) => normalizeAxis('mean', axis, x.shape.length))
  const size = list.map((axis) => x.shape[axis]!).reduce(multiplyDims, 1)
  const total = sum(x, { axes: list, keepAxes })
  return typeof size === 'number' ? mul(total, 1 / size) : div(total, dimensionSize(size, x.dtype))
}

/** log Σ e^x over the given axes, without overflow. */
export const logSumExp = (
  x: Tensor,
  { axes = x.shape.map((_, axis) => axis), keepAxes = false }: ReduceOptions = {},
): Tensor => {
  requireFloating('logSumExp', x)
  const list = (typeof axes === 'number' ? [axes] : axes).map((axis) =>
    normalizeAxis('logSumExp', axis, x.shape.length),
  )
  return apply(logSumExpOp, [x], { axes: list, keepAxes })
}

const logSumExpOp: Op<ReduceAttributes> = {
  name: 'logSumExp',
  work: ({ inputs: [x] }) => sizeOf(x!.shape),
  infer: ([x], attributes) => ({ dtype: x!.dtype, shape: reducedShape(x!.shape, attributes) }),
  gradient: ({ inputs: [x], outputs: [y], attributes }, [g]) => [
    () => {
      const probability = exp(sub(x!, restored(y!, x!.shape, attributes)))
      return mul(probability, restored(g!, x!.shape, attributes))
    },
  ],
  lower: (onnx, [x], { attributes, inputs: [type], outputs: [result] }) => {
    if (onnx.target !== 'webgpu' || attributes.axes.some((axis) => onnx.isEmpty(type!.shape[axis]!)))
      return lowerReduce(onnx, 'ReduceLogSumExp', x!, attributes)
    const { top, log } = lowerLogSumExp(onnx, x!, attributes.axes)
    const kept = onnx.node('Add', [top, log])
    return attributes.keepAxes ? kept : onnx.node('Reshape', [kept, onnx.shape(result!.shape)])
  },
  evaluate: ([x], attributes, { outputs: [output] }) => {
    const kept = reducedShape(x!.shape, { ...attributes, keepAxes: true }) as number[]
    const strides = stridesFor(kept, x!.shape)
    const top = new Float64Array(count(kept)).fill(Number.NEGATIVE_INFINITY)
    const data = new Float64Array(count(kept))
    walk(x!.shape, strides, (index, offset) => {
      top[offset] = Math.max(top[offset]!, x!.data[index]!)
    })
    walk(x!.shape, strides, (index, offset) => {
      const peak = Number.isFinite(top[offset]!) ? top[offset]! : 0
      data[offset]! += Math.exp(x!.data[index]! - peak)
    })
    return {
      shape: output!.shape,
      data: data.map((value, i) => Math.log(value) + (Number.isFinite(top[i]!) ? top[i]! : 0)),
    }
  },
}

/** Index of the largest element along `axis`, int64; the first of several equals. Unspecified where elements are NaN. */
export const argMax = (x: Tensor, axis = -1, { keepAxis = false }: { readonly keepAxis?: boolean } = {}): Tensor => {
  const at = normalizeAxis('argMax', axis, x.shape.length)
  if (x.shape[at] === 0)
    throw new ShapeError(`argMax: axis ${axis} must not be empty, got ${shapeText(x.shape)}. Check the operand.`, {
      op: 'argMax',
      axis,
    })
  return apply(argMaxOp, [x], { axes: [at], keepAxes: keepAxis })
}

const argMaxOp: Op<ReduceAttributes> = {
  name: 'argMax',
  work: ({ inputs: [x] }) => sizeOf(x!.shape),
  infer: ([x], attributes) => {
    requireNumeric('argMax', x!)
    return { dtype: 'int64', shape: reducedShape(x!.shape, attributes) }
  },
  gradient: 'none',
  lower: (onnx, [x], { attributes }) =>
    onnx.node('ArgMax', [x!], { axis: attributes.axes[0]!, keepdims: attributes.keepAxes ? 1 : 0 }),
  evaluate: ([x], attributes, { outputs: [output] }) => {
    const axis = attributes.axes[0]!
    if (x!.shape[axis] === 0 && count(output!.shape) > 0)
      throw new TensorError('run', `argMax: the axis must not be empty, got [${x!.shape}]. Check the operand.`)
    const kept = reducedShape(x!.shape, { ...attributes, keepAxes: true }) as number[]
    const best = new Float64Array(count(kept)).fill(Number.NEGATIVE_INFINITY)
    const data = new Float64Array(count(kept))
    const step = stridesFor(x!.shape)[axis]!
    walk(x!.shape, stridesFor(kept, x!.shape), (index, offset) => {
      if (x!.data[index]! > best[offset]!) {
        best[offset] = x!.data[index]!
        data[offset] = Math.floor(index / step) % x!.shape[axis]!
      }
    })
    return { shape: output!.shape, data }
  },
}
