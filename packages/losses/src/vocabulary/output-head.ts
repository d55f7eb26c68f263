import {
  add,
  after,
  cast,
  constantSource,
  type Dim,
  matmul,
  mul,
  ShapeError,
  sameDim,
  shapeText,
  slice,
  type Tensor,
  tanh,
} from '@qilin-med/tensor'

// Legend: N tokens, D width, V vocabulary, C rows of one chunk of the vocabulary.

/** The last layer of a language model: logits = softcap · tanh(scale · (hidden · weightᵀ + bias) / softcap). */
export interface OutputHead {
  /** [V, D]; rows of a constant are read where they lie, 16-bit ones are widened chunk by chunk. */
  readonly weight: Tensor
  /** [V] */
  readonly bias?: Tensor
  /** Bound on the size of the logits (Gemma 2); none when undefined. */
  readonly softcap?: number
  /** Factor on the logits (Cohere), default 1. */
  readonly scale?: number
}

/** How raw products become logits. */
export interface LogitShape {
  readonly scale: number
  readonly softcap: number | undefined
  readonly temperature: number
}

/** Rows `begin` to `begin + size` of the head. */
export interface Chunk {
  readonly begin: number
  readonly size: number
  readonly weight: Tensor
  readonly bias: Tensor | undefined
}

/** Size of the vocabulary. @throws ShapeError when the head does not fit the hidden states */
export const vocabularyOf = (name: string, hidden: Tensor, { weight, bias }: OutputHead): number => {
  const [rows, width] = weight.shape
  const shapes = [shapeText(hidden.shape), shapeText(weight.shape)]
  if (hidden.shape.length !== 2 || weight.shape.length !== 2 || !sameDim(hidden.shape[1]!, width as Dim))
    throw new ShapeError(
      `${name}: expected hidden states [N, D] and a head weight [V, D], got ${shapes[0]} and ${shapes[1]}. Gather the labelled positions first, and do not transpose the weight.`,
      { op: name, shapes },
    )
  if (typeof rows !== 'number')
    throw new ShapeError(
      `${name}: expected a vocabulary of known size, got ${shapes[1]}. Declare the weight with numbers.`,
      { op: name, shapes },
    )
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== rows))
    throw new ShapeError(`${name}: expected a bias [${rows}], got ${shapeText(bias.shape)}. Pass one value per row.`, {
      op: name,
      shapes: [shapeText(bias.shape)],
    })
  return rows
}

/** Chunks begin at multiples of this many rows. */
const alignment = 64

/** The head cut into pieces of nearly equal size, none above `limit` rows; a quantised one is cut where its tiles end. */
export const chunksOf = ({ weight, bias }: OutputHead, limit: number): Chunk[] => {
  const vocabulary = weight.shape[0] as number
  const pieces = Math.ceil(vocabulary / limit)
  const even = Math.ceil(vocabulary / pieces)
  const tile = tileOf(weight)
  const size =
    tile !== undefined
      ? Math.max(1, Math.floor(limit / tile)) * tile
      : limit < alignment
        ? even
        : Math.min(limit, Math.ceil(even / alignment) * alignment)
  const chunks: Chunk[] = []
  for (let begin = 0; begin < vocabulary; begin += size) {
    const end = Math.min(begin + size, vocabulary)
    chunks.push({
      begin,
      size: end - begin,
      weight: slice(weight, 0, begin, end),
      bias: bias && slice(bias, 0, begin, end),
    })
  }
  return chunks
}

/** Rows that a quantised constant keeps together; undefined where it can be cut anywhere. */
const tileOf = (weight: Tensor): number | undefined => {
  const quantized = constantSource(weight)?.quantized?.weight
  return quantized?.scheme === 'int8' ? quantized.tile : undefined
}

/** The rows of a chunk in float32. Widening waits for `signal`, or it would be folded into a float32 copy of the head. */
export const rowsOf = (weight: Tensor, signal: Tensor): Tensor =>
  weight.dtype === 'float32' ? weight : cast(constantSource(weight) ? after(weight, signal) : weight, 'float32')

/** Logits of every token for the words of one chunk, [N, C]. */
export const logitsOf = (hidden: Tensor, chunk: Chunk, shape: LogitShape): Tensor => {
  const { scale, softcap, temperature } = shape
  const alpha = softcap === undefined ? scale / temperature : scale / softcap
  const product = matmul(hidden, rowsOf(chunk.weight, hidden), { transposeB: true, alpha })
  const logits = chunk.bias ? add(product, mul(rowsOf(chunk.bias, hidden), alpha)) : product
  return softcap === undefined ? logits : mul(tanh(logits), softcap / temperature)
}

/** d logit / d raw product at the given logits: a tensor with a soft cap, else a number. */
export const slopeOf = (logits: Tensor, { scale, softcap, temperature }: LogitShape): Tensor | number => {
  if (softcap === undefined) return scale / temperature
  const bounded = mul(logits, temperature / softcap) // the tanh
  return mul(add(mul(mul(bounded, bounded), -1), 1), scale / temperature)
}
