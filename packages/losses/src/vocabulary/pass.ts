import {
  add,
  after,
  and,
  argMax,
  cast,
  div,
  equal,
  exp,
  greater,
  greaterEqual,
  less,
  logSumExp,
  max,
  maximum,
  mul,
  reshape,
  squeeze,
  stack,
  stopGradient,
  sub,
  sum,
  type Tensor,
  takeAlongAxis,
  unsqueeze,
  where,
} from '@qilin-med/tensor'
import { type Chunk, type LogitShape, logitsOf } from './output-head'

/** Numbers per token that one walk over the vocabulary can collect, each [N]. */
export interface Statistics {
  readonly target: Tensor
  readonly logSumExp: Tensor
  readonly expectedLogit?: Tensor
  readonly sumSquaredProbs?: Tensor
  readonly meanLogit?: Tensor
  readonly correct?: Tensor
}

/** Statistics beside the target's logit and the normaliser. */
export type Extra = Exclude<keyof Statistics, 'target' | 'logSumExp'>

interface ChunkStatistics {
  readonly target: Tensor
  readonly logSumExp: Tensor
  readonly expectedLogit: Tensor | undefined
  readonly sumSquaredProbs: Tensor | undefined
  readonly total: Tensor | undefined
  readonly top: Tensor | undefined
  readonly topIndex: Tensor | undefined
}

/**
 * Walks over the vocabulary once and keeps a few numbers per token of each chunk's logits, never the logits.
 * Chunk i+1 formally waits for everything collected from chunk i, so that only one chunk is in memory at a time.
 */
export const vocabularyPass = (
  hidden: Tensor,
  chunks: readonly Chunk[],
  targets: Tensor,
  shape: LogitShape,
  extras: readonly Extra[],
): Statistics => {
  const parts: ChunkStatistics[] = []
  let rows = hidden
  for (const chunk of chunks) {
    const part = chunkStatistics(logitsOf(rows, chunk, shape), chunk, targets, extras)
    parts.push(part)
    rows = after(hidden, signalOf(part))
  }
  return merge(parts, chunks, targets)
}

const chunkStatistics = (logits: Tensor, chunk: Chunk, targets: Tensor, extras: readonly Extra[]): ChunkStatistics => {
  const normaliser = logSumExp(logits, { axes: -1 })
  const expects = extras.includes('expectedLogit')
  const squares = extras.includes('sumSquaredProbs')
  const probs = expects || squares ? exp(sub(logits, unsqueeze(normaliser, -1))) : undefined
  return {
    target: targetLogit(logits, chunk, targets),
    logSumExp: normaliser,
    expectedLogit: expects ? sum(mul(probs!, logits), { axes: -1 }) : undefined,
    sumSquaredProbs: squares ? sum(mul(probs!, probs!), { axes: -1 }) : undefined,
    total: extras.includes('meanLogit') ? sum(logits, { axes: -1 }) : undefined,
    top: extras.includes('correct') ? max(logits, { axes: -1 }) : undefined,
    topIndex: extras.includes('correct') ? add(argMax(logits), chunk.begin) : undefined,
  }
}

/** Logit of the target where it lies in this chunk, else 0. */
const targetLogit = (logits: Tensor, { begin, size }: Chunk, targets: Tensor): Tensor => {
  const local = sub(targets, begin)
  const inside = and(greaterEqual(local, 0), less(local, size))
  const picked = takeAlongAxis(logits, unsqueeze(where(inside, local, 0), -1))
  return where(inside, squeeze(picked, -1), 0)
}

/** A scalar that is known only when everything of the chunk is. */
const signalOf = (part: ChunkStatistics): Tensor =>
  Object.values(part)
    .filter((value): value is Tensor => value !== undefined)
    .map((value) => sum(cast(stopGradient(value), 'float32')))
    .reduce(add)

const merge = (parts: readonly ChunkStatistics[], chunks: readonly Chunk[], targets: Tensor): Statistics => {
  const vocabulary = chunks.reduce((total, { size }) => total + size, 0)
  const logSum = parts.length === 1 ? parts[0]!.logSumExp : logSumExp(stack(parts.map((p) => p.logSumExp)), { axes: 0 })
  const shares = parts.map((part) => (parts.length === 1 ? undefined : exp(sub(part.logSumExp, logSum))))
  const total = (values: (Tensor | undefined)[]) =>
    values[0] && (values as Tensor[]).reduce((left, right) => add(left, right))
  const weighted = (value: Tensor | undefined, share: Tensor | undefined) =>
    value && share ? mul(value, share) : value
  const expected = total(parts.map((part, i) => weighted(part.expectedLogit, shares[i])))
  const squares = total(parts.map((part, i) => weighted(part.sumSquaredProbs, shares[i] && mul(shares[i], shares[i]))))
  const logitSum = total(parts.map((part) => part.total))
  return {
    target: total(parts.map((part) => part.target))!,
    logSumExp: logSum,
    ...(expected && { expectedLogit: expected }),
    ...(squares && { sumSquaredProbs: squares }),
    ...(logitSum && { meanLogit: div(logitSum, vocabulary) }),
    ...(parts[0]!.top && { correct: correctness(parts, targets) }),
  }
}

/** 1 where the first of the largest logits is the target's. */
const correctness = (parts: readonly ChunkStatistics[], targets: Tensor): Tensor => {
  let { top, topIndex } = parts[0]!
  for (const part of parts.slice(1)) {
    topIndex = where(greater(part.top!, top!), part.topIndex!, topIndex!)
    top = maximum(top!, part.top!)
  }
  return cast(equal(topIndex!, cast(targets, 'int64')), 'float32')
}

/** Rows of one value as a column, [N] → [N, 1]. */
export const column = (x: Tensor): Tensor => reshape(x, [x.shape[0]!, 1])
