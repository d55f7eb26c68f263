import { multiplyDims, sameShape, shapeText } from '../dimension'
import { ShapeError } from '../errors'
import { microsoft } from '../onnx/lowering'
import { apply, type Op, requireRank, type Tensor } from '../tensor'
import { add, mul, neg, sub } from './elementwise'
import { sum } from './reduce'
import { slice } from './slice'

/**
 * Rotary position embedding in the half-split layout of Llama checkpoints (Su et al. 2021): each pair
 * (x[i], x[i + D/2]) turns by the angle whose cosine and sine are given.
 *
 * @param x      [B, H, T, D]
 * @param cosine [B, T, D/2]
 * @param sine   [B, T, D/2]
 */
export const rotary = (x: Tensor, cosine: Tensor, sine: Tensor): Tensor => apply(rotaryOp, [x, cosine, sine], undefined)

const rotaryOp: Op<undefined> = {
  name: 'rotary',
  infer: ([x, cosine, sine]) => {
    requireRank('rotary', x!, 4)
    const [batch, , time, width] = x!.shape
    const expected = typeof width === 'number' ? [batch!, time!, width / 2] : undefined
    if (!expected || !sameShape(cosine!.shape, expected) || !sameShape(sine!.shape, expected))
      throw new ShapeError(
        `rotary: angles must be [batch, time, width / 2] of ${shapeText(x!.shape)}, got ${shapeText(cosine!.shape)} and ${shapeText(sine!.shape)}. Build them from the same positions.`,
        { op: 'rotary', shapes: [shapeText(x!.shape), shapeText(cosine!.shape), shapeText(sine!.shape)] },
      )
    return { dtype: x!.dtype, shape: x!.shape }
  },
  gradient: ({ inputs: [x, cosine, sine] }, [g]) => {
    const half = (x!.shape[3] as number) / 2
    const halves = (t: Tensor) => [slice(t, 3, 0, half), slice(t, 3, half)] as const
    const overHeads = (t: Tensor) => sum(t, { axes: 1 })
    return [
      () => rotary(g!, cosine!, neg(sine!)), // a rotation's transpose turns back
      () => {
        const [[x1, x2], [g1, g2]] = [halves(x!), halves(g!)]
        return overHeads(add(mul(g1, x1), mul(g2, x2)))
      },
      () => {
        const [[x1, x2], [g1, g2]] = [halves(x!), halves(g!)]
        return overHeads(sub(mul(g2, x1), mul(g1, x2)))
      },
    ]
  },
  lower: (onnx, [x, cosine, sine], { inputs: [type] }) => {
    const [batch, , time, width] = type!.shape
    // The kernel looks angles up by position: every (row, time) gets a row of its own.
    const rows = multiplyDims(batch!, time!)
    const table = onnx.shape([rows, (width as number) / 2])
    const ids = onnx.node('Range', [onnx.constant('int64', [], [0]), onnx.dim(rows), onnx.constant('int64', [], [1])])
    const positions = onnx.node('Reshape', [ids, onnx.shape([batch!, time!])])
    const [cosines, sines] = [cosine!, sine!].map((angles) => onnx.node('Reshape', [angles, table]))
    return onnx.node('RotaryEmbedding', [x!, positions, cosines!, sines!], { interleaved: 0 }, microsoft)
  },
  evaluate: ([x, cosine, sine]) => {
    const [batch, heads, time, width] = x!.shape as [number, number, number, number]
    const half = width / 2
    const data = new Float64Array(x!.data.length)
    for (let row = 0; row < batch * heads * time; row++) {
      const angle = (Math.floor(row / (heads * time)) * time + (row % time)) * half
      for (let i = 0; i < half; i++) {
        const [c, s] = [cosine!.data[angle + i]!, sine!.data[angle + i]!]
        const [a, b] = [x!.data[row * width + i]!, x!.data[row * width + half + i]!]
        data[row * width + i] = a * c - b * s
        data[row * width + half + i] = b * c + a * s
      }
    }
    return { shape: x!.shape, data }
  },
}
