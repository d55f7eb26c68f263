import {
  add,
  after,
  and,
  arange,
  argMax,
  cast,
  div,
  equal,
  exp,
  gather,
  greater,
  greaterEqual,
  less,
  log,
  matmul,
  max,
  maximum,
  mul,
  reshape,
  squeeze,
  stopGradient,
  sub,
  sum,
  type Tensor,
  takeAlongAxis,
  unsqueeze,
  where,
} from '@qilin-med/tensor'
import { type Chunk, type LogitShape, logitsOf, rowsOf, slopeOf } from './output-head'

/** What one walk over the vocabulary collects about N tokens; undefined where it was not wanted. */
export interface WalkResults {
  /** [N] log p(target). */
  readonly logProb: Tensor
  /** [N] logit of the target. */
  readonly target: Tensor
  /** [N] log Σ e^logit. */
  readonly logSumExp: Tensor
  /** [N] −Σ p log p. */
  readonly entropy: Tensor | undefined
  /** [N] Σ p². */
  readonly sumSquaredProbs: Tensor | undefined
  /** [N] mean logit. */
  readonly meanLogit: Tensor | undefined
  /** [N] 1 where the first of the largest logits is the target's. */
  readonly correct: Tensor | undefined
  /** [N, D] Σ p · d logit / d hidden: the gradient of logSumExp for the hidden state. */
  readonly pull: Tensor | undefined
  /** [N, V] the logits themselves, where there is only one chunk. */
  readonly logits: Tensor | undefined
}

/** Sums over the words seen so far, relative to the largest logit among them, as in an online softmax. */
interface Seen {
  readonly max: Tensor
  readonly target: Tensor
  /** Σ e^(z−max) */
  readonly mass: Tensor
  /** Σ e^(z−max) · (z−max) */
  readonly weighted: Tensor | undefined
  /** Σ e^2(z−max) */
  readonly squares: Tensor | undefined
  /** Σ z */
  readonly total: Tensor | undefined
  /** Index of the first largest logit, int64. */
  readonly topIndex: Tensor | undefined
  /** [N, D] Σ e^(z−max) · dz/dh */
  readonly pull: Tensor | undefined
}

/**
 * Walks over the vocabulary once and keeps a few sums per token, never the logits. The products of a chunk formally wait
 * for the sums over the chunk before, so that the logits of only one chunk are in memory at a time.
 */
export const walkVocabulary = (
  hidden: Tensor,
  targets: Tensor,
  chunks: readonly Chunk[],
  shape: LogitShape,
  wanted: ReadonlySet<string>,
): WalkResults => {
  let seen: Seen | undefined
  let logits: Tensor | undefined
  for (const chunk of chunks) {
    const rows = seen ? after(hidden, signalOf(seen)) : hidden
    logits = logitsOf(rows, chunk, shape)
    const part = look(logits, { rows, targets, chunk, shape, wanted })
    seen = seen ? join(seen, part) : part
  }
  const vocabulary = chunks.reduce((words, { size }) => words + size, 0)
  return { ...resultsOf(seen!, targets, vocabulary), logits: chunks.length === 1 ? logits : undefined }
}

interface View {
  readonly rows: Tensor
  readonly targets: Tensor
  readonly chunk: Chunk
  readonly shape: LogitShape
  readonly wanted: ReadonlySet<string>
}

const look = (logits: Tensor, { rows, targets, chunk, shape, wanted }: View): Seen => {
  const overWords = { axes: -1 }
  const top = max(logits, overWords)
  const below = sub(logits, unsqueeze(top, -1))
  const mass = exp(below)
  return {
    max: top,
    target: targetLogit(logits, chunk, targets),
    mass: sum(mass, overWords),
    weighted: wanted.has('entropy') ? sum(mul(mass, below), overWords) : undefined,
    squares: wanted.has('sumSquaredProbs') ? sum(mul(mass, mass), overWords) : undefined,
    total: wanted.has('meanLogit') ? sum(logits, overWords) : undefined,
    topIndex: wanted.has('correct') ? add(firstLargest(logits, chunk.size), chunk.begin) : undefined,
    pull: wanted.has('pull') ? pullOf(mass, logits, rowsOf(chunk.weight, rows), shape) : undefined,
  }
}

const pullOf = (mass: Tensor, logits: Tensor, rows: Tensor, shape: LogitShape): Tensor => {
  const slope = slopeOf(logits, shape)
  return typeof slope === 'number' ? matmul(mass, rows, { alpha: slope }) : matmul(mul(mass, slope), rows)
}

/** Logit of the target where it lies in this chunk, else 0. */
const targetLogit = (logits: Tensor, { begin, size }: Chunk, targets: Tensor): Tensor => {
  const local = sub(targets, begin)
  const inside = and(greaterEqual(local, 0), less(local, size))
  const picked = takeAlongAxis(logits, unsqueeze(where(inside, local, 0), -1))
  return where(inside, squeeze(picked, -1), 0)
}

/** Words per block of the two-step search below. */
const blockSize = 64

/** Index of the first largest logit of each row. Blocks first, then the best block: much faster than one long search. */
const firstLargest = (logits: Tensor, size: number): Tensor => {
  if (size % blockSize !== 0 || size === blockSize) return argMax(logits)
  const blocks = size / blockSize
  const best = argMax(max(reshape(logits, [-1, blocks, blockSize]), { axes: -1 })) // [N]
  const rows = reshape(logits, [-1, blockSize]) // [N · blocks, 64]
  const start = mul(arange(logits.shape[0]!), blocks)
  const inside = argMax(gather(rows, add(start, best)))
  return add(mul(best, blockSize), inside)
}

const join = (a: Seen, b: Seen): Seen => {
  const top = maximum(a.max, b.max)
  const [left, right] = [exp(sub(a.max, top)), exp(sub(b.max, top))]
  const lowered = ({ weighted, mass, max: own }: Seen) => weighted && add(weighted, mul(mass, sub(own, top)))
  const mix = (x: Tensor | undefined, y: Tensor | undefined, scale = (factor: Tensor) => factor) =>
    x && y && add(mul(x, scale(left)), mul(y, scale(right)))
  return {
    max: top,
    target: add(a.target, b.target),
    mass: mix(a.mass, b.mass)!,
    weighted: mix(lowered(a), lowered(b)),
    squares: mix(a.squares, b.squares, (factor) => mul(factor, factor)),
    total: a.total && b.total && add(a.total, b.total),
    topIndex: a.topIndex && b.topIndex && where(greater(b.max, a.max), b.topIndex, a.topIndex),
    pull: mix(a.pull, b.pull, (factor) => unsqueeze(factor, -1)),
  }
}

/** A scalar that is known only when everything seen so far is. */
const signalOf = (seen: Seen): Tensor =>
  Object.values(seen)
    .filter((value): value is Tensor => value !== undefined)
    .map((value) => sum(cast(stopGradient(value), 'float32')))
    .reduce(add)

const resultsOf = (seen: Seen, targets: Tensor, vocabulary: number): Omit<WalkResults, 'logits'> => {
  const { mass, weighted, squares, total, topIndex, pull } = seen
  const logMass = log(mass)
  return {
    logProb: sub(sub(seen.target, seen.max), logMass), // closer than target − log Σ, whose terms are larger
    target: seen.target,
    logSumExp: add(seen.max, logMass),
    entropy: weighted && sub(logMass, div(weighted, mass)),
    sumSquaredProbs: squares && div(squares, mul(mass, mass)),
    meanLogit: total && div(total, vocabulary),
    correct: topIndex && cast(equal(topIndex, cast(targets, 'int64')), 'float32'),
    pull: pull && div(pull, unsqueeze(mass, -1)),
  }
}
