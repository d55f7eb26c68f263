import type { Value } from '../reference/value'
import { normalizeAxis } from '../shape'
import { apply, type Op, requireFloating, type Tensor } from '../tensor'
import { exp, mul, sub } from './elementwise'
import { lowerLogSumExp, sum } from './reduce'
import { moveAxis } from './reshape'

/** Axis to normalise along (default: the last). */
export interface SoftmaxOptions {
  readonly axis?: number
}

/** e^x / Σ e^x along an axis. NaN where every element is −Infinity. */
export const softmax = (x: Tensor, { axis = -1 }: SoftmaxOptions = {}): Tensor => alongAxis(softmaxOp, x, axis)

const alongAxis = (op: Op<undefined>, x: Tensor, axis: number): Tensor => {
  const at = normalizeAxis(op.name, axis, x.shape.length)
  return moveAxis(apply(op, [moveAxis(x, at, -1)], undefined), -1, at)
}

const softmaxOp: Op<undefined> = {
  name: 'softmax',
  infer: ([x]) => {
    requireFloating('softmax', x!)
    return { dtype: x!.dtype, shape: x!.shape }
  },
  gradient: ({ outputs: [y] }, [g]) => [
    () => {
      const weighted = mul(g!, y!)
      return sub(weighted, mul(y!, sum(weighted, { axes: -1, keepAxes: true })))
    },
  ],
  lower: (onnx, [x]) => onnx.node('Softmax', [x!], { axis: -1 }),
  evaluate: ([x]) => {
    const logs = rowLogSoftmax(x!)
    return { shape: x!.shape, data: logs.map(Math.exp) }
  },
}

/** x − log Σ e^x along an axis. */
export const logSoftmax = (x: Tensor, { axis = -1 }: SoftmaxOptions = {}): Tensor => alongAxis(logSoftmaxOp, x, axis)

const logSoftmaxOp: Op<undefined> = {
  name: 'logSoftmax',
  infer: ([x]) => {
    requireFloating('logSoftmax', x!)
    return { dtype: x!.dtype, shape: x!.shape }
  },
  gradient: ({ outputs: [y] }, [g]) => [() => sub(g!, mul(exp(y!), sum(g!, { axes: -1, keepAxes: true })))],
  lower: (onnx, [x], { inputs: [type] }) => {
    if (onnx.target !== 'webgpu') return onnx.node('LogSoftmax', [x!], { axis: -1 })
    const { top, log } = lowerLogSumExp(onnx, x!, [type!.shape.length - 1]) // the GPU has no kernel of its own
    return onnx.node('Sub', [onnx.node('Sub', [x!, top]), log])
  },
  evaluate: ([x]) => ({ shape: x!.shape, data: rowLogSoftmax(x!) }),
}

const rowLogSoftmax = (x: Value): Float64Array => {
  const width = x.shape.at(-1) ?? 1
  const data = new Float64Array(x.data.length)
  for (let begin = 0; begin < data.length; begin += width) {
    const row = x.data.subarray(begin, begin + width)
    const top = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
    const total = row.reduce((a, b) => a + Math.exp(b - top), 0)
    row.forEach((value, i) => {
      data[begin + i] = value - top - Math.log(total)
    })
  }
  return data
}
