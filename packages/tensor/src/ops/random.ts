import { type Dim, type Shape, shapeText } from '../dimension'
import { DTypeError, ShapeError } from '../errors'
import type { Lowering } from '../onnx/lowering'
import { parity, rotations, threefry } from '../random/threefry'
import { count } from '../reference/value'
import { applyAll, type Op, type Tensor } from '../tensor'
import { cast } from './cast'
import { add, cos, div, greaterEqual, log, mul, neg, sqrt, sub, where } from './elementwise'
import { argMax } from './reduce'
import { concat, slice } from './slice'

/**
 * Random 32-bit words (as int64) for a key that is an argument of the program: same key, same words, everywhere.
 *
 * @param key   int64 [2], as `randomKey` and `foldIn` give it
 * @returns     two independent tensors of `shape` with values in [0, 2^32)
 */
export const randomWords = (key: Tensor, shape: Shape): [Tensor, Tensor] => {
  const [a, b] = applyAll(threefryOp, [key], { shape })
  return [a!, b!]
}

const threefryOp: Op<{ readonly shape: Shape }> = {
  name: 'randomWords',
  infer: ([key], { shape }) => {
    if (key!.dtype !== 'int64' || key!.shape.length !== 1 || key!.shape[0] !== 2)
      throw new DTypeError(
        `randomWords: key must be int64[2], got ${key!.dtype}${shapeText(key!.shape)}. Make it with randomKey(seed).`,
        { op: 'randomWords' },
      )
    return [
      { dtype: 'int64', shape },
      { dtype: 'int64', shape },
    ]
  },
  gradient: 'none',
  lower: (onnx, [key], { outputs: [type] }) => {
    const size = type!.shape.reduce<string>(
      (total, dim) => onnx.node('Mul', [total, onnx.dim(dim)]),
      onnx.constant('int64', [], [1]),
    )
    const counters = onnx.node('Range', [onnx.constant('int64', [], [0]), size, onnx.constant('int64', [], [1])])
    return lowerThreefry(onnx, key!, counters).map((words) => onnx.node('Reshape', [words, onnx.shape(type!.shape)]))
  },
  evaluate: ([key], _, { outputs: [type] }) => {
    const size = count(type!.shape)
    const words = [new Float64Array(size), new Float64Array(size)] as const
    for (let i = 0; i < size; i++) {
      const pair = threefry([key!.data[0]!, key!.data[1]!], i, 0)
      words[0][i] = pair[0]
      words[1][i] = pair[1]
    }
    return words.map((data) => ({ shape: type!.shape, data }))
  },
}

/** The rounds of Threefry on int64 numbers below 2^32; a rotation is a product and a division. */
const lowerThreefry = (onnx: Lowering, key: string, counters: string): [string, string] => {
  const scalar = (value: number) => onnx.constant('int64', [], [value])
  const mask = scalar(2 ** 32 - 1)
  const low = (x: string) => onnx.node('BitwiseAnd', [x, mask])
  const plus = (x: string, y: string) => low(onnx.node('Add', [x, y]))
  const xor = (x: string, y: string) => onnx.node('BitwiseXor', [x, y])
  const words = [0, 1].map((i) => onnx.node('Gather', [key, scalar(i)]))
  const schedule = [...words, xor(xor(words[0]!, words[1]!), scalar(parity))] as [string, string, string]
  let a = plus(counters, schedule[0])
  let b = onnx.node('Expand', [schedule[1], onnx.node('Shape', [counters])]) // the counter's high word is 0
  for (let group = 0; group < 5; group++) {
    for (const distance of rotations[group % 2]!) {
      a = plus(a, b)
      const wide = onnx.node('Mul', [b, scalar(2 ** distance)]) // below 2^61
      b = xor(onnx.node('Add', [low(wide), onnx.node('Div', [wide, scalar(2 ** 32)])]), a)
    }
    a = plus(a, schedule[(group + 1) % 3]!)
    b = plus(b, onnx.node('Add', [schedule[(group + 2) % 3]!, scalar(group + 1)]))
  }
  return [a, b]
}

const unit = (words: Tensor): Tensor => mul(cast(div(words, 256), 'float32'), 2 ** -24)

/** Numbers drawn evenly from [0, 1) with 24 random bits, float32. */
export const uniform = (key: Tensor, shape: Shape): Tensor => unit(randomWords(key, shape)[0])

/** Normal numbers of mean 0 and deviation 1 (Box–Muller), float32. */
export const normal = (key: Tensor, shape: Shape): Tensor => {
  const [a, b] = randomWords(key, shape)
  const radius = sqrt(mul(log(mul(cast(sub(div(a, 256), -1), 'float32'), 2 ** -24)), -2))
  return mul(radius, cos(mul(unit(b), 2 * Math.PI)))
}

/**
 * One index drawn for each row of logits, with the probabilities of their softmax (Gumbel-max); −Infinity is never drawn
 * where another logit is finite. Divide the logits by a temperature before, or set all but the `topK` to −Infinity.
 *
 * @param key    int64 [2]
 * @param logits [..., V]
 * @returns      [...], int64
 */
export const categorical = (key: Tensor, logits: Tensor): Tensor => {
  const odd = add(mul(div(randomWords(key, logits.shape)[0], 512), 2), 1) // below 2^24, so exact, and never 0
  return argMax(sub(logits, log(neg(log(mul(cast(odd, 'float32'), 2 ** -24))))))
}

/**
 * x with each element set to 0 with probability `rate` (in steps of 2^−16) and the others scaled by 1/(1 − rate).
 * The mask depends on the key and the shape alone, so a resumed run draws the same.
 *
 * @param x [..., D] with a numeric last axis
 */
export const dropout = (x: Tensor, rate: number, key: Tensor): Tensor => {
  if (!(rate >= 0 && rate < 1))
    throw new ShapeError(`dropout: rate must lie in [0, 1), got ${rate}. Use 0 for none.`, { op: 'dropout' })
  const threshold = Math.round(rate * 65536)
  const width = x.shape.at(-1)
  if (threshold === 0) return x
  if (typeof width !== 'number')
    throw new ShapeError(`dropout: the last axis must be a number, got ${shapeText(x.shape)}. Reshape the operand.`, {
      op: 'dropout',
      shapes: [shapeText(x.shape)],
    })
  const halves = sixteenBits(key, [...x.shape.slice(0, -1), Math.ceil(width / 4)] as Dim[])
  const kept = greaterEqual(slice(halves, -1, 0, width), threshold)
  return where(kept, mul(x, 1 / (1 - threshold / 65536)), 0)
}

/** Four 16-bit numbers from each counter, side by side on the last axis. */
const sixteenBits = (key: Tensor, shape: readonly Dim[]): Tensor => {
  const parts = randomWords(key, shape).flatMap((words) => {
    const high = div(words, 65536)
    return [high, sub(words, mul(high, 65536))]
  })
  return concat(parts, -1)
}
