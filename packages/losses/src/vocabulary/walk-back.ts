import { add, after, concat, matmul, mul, stopGradient, sum, type Tensor, type TensorType } from '@qilin-med/tensor'
import { type Chunk, type LogitShape, logitsOf, rowsOf, slopeOf } from './output-head'

/** What the walk back can compute. */
export type GradientName = 'hidden' | 'weight' | 'bias'

/** Types of the gradients, all float32. */
export const gradientTypes = (hidden: Tensor, weight: Tensor): Record<GradientName, TensorType> => ({
  hidden: { dtype: 'float32', shape: hidden.shape },
  weight: { dtype: 'float32', shape: weight.shape },
  bias: { dtype: 'float32', shape: weight.shape.slice(0, 1) },
})

/** What the walk back needs. */
export interface WalkBackOptions {
  /** [N, D] */
  readonly hidden: Tensor
  readonly chunks: readonly Chunk[]
  readonly shape: LogitShape
  /** Which gradients to compute. */
  readonly wanted: ReadonlySet<string>
  /** Something of the backward pass that the walk has to wait for, lest it be merged with the first walk. */
  readonly signal: Tensor
  /** [N, V] the logits, where there is only one chunk and they were kept. */
  readonly kept: Tensor | undefined
  /** Gradient for the logits of one chunk, [N, C]. `rows` are the hidden states it may compute from. */
  gradientAt(logits: Tensor, index: number, rows: Tensor): Tensor
}

type Gradients = Partial<Record<GradientName, Tensor>>

/**
 * Gradients for the hidden states [N, D], the head's weight [V, D] and its bias [V]: computes the logits of one chunk
 * after the other again and sends their gradients on, with one chunk in memory at a time.
 */
export const walkBack = (options: WalkBackOptions): Gradients => {
  const { hidden, chunks, shape, wanted, signal, kept, gradientAt } = options
  const parts: Gradients[] = []
  let rows = after(hidden, sum(signal))
  chunks.forEach((chunk, index) => {
    const logits = kept ?? logitsOf(rows, chunk, shape)
    const raw = mul(gradientAt(logits, index, rows), slopeOf(logits, shape))
    const part = productsOf(raw, rows, chunk, wanted)
    parts.push(part)
    const done = Object.values(part).map((gradient) => sum(stopGradient(gradient)))
    rows = after(hidden, done.reduce(add))
  })
  const all = (name: GradientName): Tensor[] => parts.flatMap((part) => part[name] ?? [])
  return {
    ...(wanted.has('hidden') && { hidden: all('hidden').reduce(add) }),
    ...(wanted.has('weight') && { weight: concat(all('weight'), 0) }),
    ...(wanted.has('bias') && { bias: concat(all('bias'), 0) }),
  }
}

const productsOf = (raw: Tensor, rows: Tensor, chunk: Chunk, wanted: ReadonlySet<string>): Gradients => ({
  ...(wanted.has('hidden') && { hidden: matmul(raw, rowsOf(chunk.weight, rows)) }),
  ...(wanted.has('weight') && { weight: matmul(raw, rows, { transposeA: true }) }),
  ...(wanted.has('bias') && { bias: sum(raw, { axes: 0 }) }),
})
