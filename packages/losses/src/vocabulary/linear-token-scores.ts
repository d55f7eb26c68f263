import {
  add,
  arange,
  broadcastTo,
  cast,
  constantSource,
  type Dim,
  DTypeError,
  exp,
  gather,
  mul,
  neg,
  type OperandGradient,
  ShapeError,
  sameShape,
  scatterRows,
  shapeText,
  stopGradient,
  sub,
  type Tensor,
  type TensorType,
  unsqueeze,
  zeros,
} from '@qilin-med/tensor'
import { LossError } from '../errors'
import type { TokenScores } from '../types'
import { deferred, type Received } from './deferred'
import { type Chunk, chunksOf, type LogitShape, type OutputHead, rowsOf, slopeOf, vocabularyOf } from './output-head'
import { type WalkResults, walkVocabulary } from './walk'
import { type GradientName, gradientTypes, walkBack } from './walk-back'

/** Options of `linearTokenScores`. */
export interface LinearTokenScoresOptions {
  /** [N] int32, which sequence each token belongs to (default: all to one). */
  readonly sequences?: Tensor
  /** [N] int32, index of each token inside its completion (default: 0, 1, …). */
  readonly offsets?: Tensor
  /** Number of sequences, S (default 1). */
  readonly sequenceCount?: Dim
  /** Divides the logits, after scale and soft cap; default 1. */
  readonly temperature?: number
  /** Largest number of words whose logits are in memory at a time, as [N, chunk] in float32; default 8192. */
  readonly chunk?: number
}

/**
 * Scores of N labelled tokens from hidden states and the weight of the output layer: log-probabilities, entropy and more,
 * without the logits [N, V]. The vocabulary is walked in chunks. The gradient for the hidden states is collected on the
 * same walk (one more product per chunk, and only in programs that differentiate); the one for a trained head takes a
 * second walk.
 *
 * @param hidden  [N, D] hidden states of the labelled positions, after the final norm; N may be 0
 * @param head    the output layer; a constant weight is read where it lies
 * @param targets [N] int32, the token to predict at each position, in [0, V)
 * @throws ShapeError, DTypeError, LossError while tracing, when operands or options do not fit
 * @see TRL 1.16 `trl/kernels/chunked_logprob.py`
 * @see Wijmans et al. 2024, https://arxiv.org/abs/2411.09009; Milakov and Gimelshein 2018, https://arxiv.org/abs/1805.02867
 */
export const linearTokenScores = (
  hidden: Tensor,
  head: OutputHead,
  targets: Tensor,
  options: LinearTokenScoresOptions = {},
): TokenScores => {
  const { sequences, offsets, sequenceCount = 1 } = options
  const statistic = statisticsOf(projectionOf(hidden, head, targets, options))
  const rows = hidden.shape[0]!
  return {
    logProbs: statistic('logProb'),
    sequences: sequences ?? zeros([rows], 'int32'),
    offsets: offsets ?? cast(arange(rows), 'int32'),
    sequenceCount,
    entropy: () => statistic('entropy'),
    correct: () => stopGradient(statistic('correct')),
    sumSquaredProbs: () => stopGradient(statistic('sumSquaredProbs')),
    meanLogit: () => statistic('meanLogit'),
    logSumExp: () => statistic('logSumExp'),
  }
}

/** Everything the two walks need to know. */
interface Projection {
  readonly hidden: Tensor
  readonly head: OutputHead
  readonly targets: Tensor
  readonly shape: LogitShape
  /** Pieces of the given weight and bias; for a constant head always the same views. */
  chunks(weight: Tensor, bias: Tensor | undefined): readonly Chunk[]
}

const projectionOf = (
  hidden: Tensor,
  head: OutputHead,
  targets: Tensor,
  { temperature = 1, chunk = 8192 }: LinearTokenScoresOptions,
): Projection => {
  vocabularyOf('linearTokenScores', hidden, head)
  checkTargets(hidden, targets)
  const complain = (operand: string, expected: string, got: number, advice: string): never => {
    const message = `linearTokenScores: expected ${expected}, got ${got}. ${advice}`
    throw new LossError('option', message, { loss: 'linearTokenScores', operand })
  }
  if (!(temperature > 0)) complain('temperature', 'a temperature above 0', temperature, 'Use 1 for none.')
  if (!(chunk >= 1)) complain('chunk', 'a chunk of 1 word or more', chunk, 'Leave it out for the default.')
  const frozen = constantSource(head.weight) ? chunksOf(head, chunk) : undefined
  return {
    hidden: cast(hidden, 'float32'),
    head,
    targets,
    shape: { scale: head.scale ?? 1, softcap: head.softcap, temperature },
    chunks: (weight, bias) => frozen ?? chunksOf({ weight, ...(bias && { bias }) }, chunk),
  }
}

const checkTargets = (hidden: Tensor, targets: Tensor): void => {
  if (targets.dtype !== 'int32' && targets.dtype !== 'int64')
    throw new DTypeError(
      `linearTokenScores: expected int32 targets, got ${targets.dtype}${shapeText(targets.shape)}. Cast them with cast(x, 'int32').`,
      { op: 'linearTokenScores' },
    )
  if (!sameShape(targets.shape, [hidden.shape[0]!]))
    throw new ShapeError(
      `linearTokenScores: expected one target per hidden state, got ${shapeText(hidden.shape)} and ${shapeText(targets.shape)}. Pass targets [${hidden.shape[0]}].`,
      { op: 'linearTokenScores', shapes: [shapeText(hidden.shape), shapeText(targets.shape)] },
    )
}

type Statistic = keyof WalkResults

/** The statistics of one walk, each computed if it is asked for. */
const statisticsOf = (projection: Projection): ((name: Statistic) => Tensor) => {
  const { hidden, head, targets, shape, chunks } = projection
  const rows = hidden.shape[0]!
  const perToken: TensorType = { dtype: 'float32', shape: [rows] }
  return deferred({
    name: 'vocabularyWalk',
    operands: { hidden, targets, weight: head.weight, bias: head.bias },
    results: {
      logProb: perToken,
      target: perToken,
      logSumExp: perToken,
      entropy: perToken,
      sumSquaredProbs: perToken,
      meanLogit: perToken,
      correct: perToken,
      pull: hidden,
      logits: { dtype: 'float32', shape: [rows, head.weight.shape[0]!] },
    },
    expand: (given, wanted) =>
      walkVocabulary(given.hidden, given.targets, chunks(given.weight, given.bias), shape, wanted),
    gradient: (received, get) => {
      const second = received.target ?? received.pull ?? received.logits // only gradients have gradients for these
      return second ? undefined : gradients(projection, received, get)
    },
  })
}

/** Gradients for hidden states, weight and bias, each computed when it is wanted. */
const gradients = (
  projection: Projection,
  received: Received<Statistic>,
  get: (name: Statistic) => Tensor,
): Readonly<Record<'hidden' | 'weight' | 'bias', OperandGradient>> => {
  const { hidden, head, targets, shape } = projection
  const [vocabulary, ...row] = head.weight.shape
  // log p = target − log Σ: the target's share is a look-up of its row, not a product.
  const hit = received.logProb && mul(received.logProb, slopeOf(get('target'), shape))
  const column = hit && unsqueeze(hit, -1)
  const arrived = {
    forLogSumExp: sumOf(received.logSumExp, received.logProb && neg(received.logProb)),
    forEntropy: received.entropy,
    forMeanLogit: received.meanLogit,
  }
  const back = walkBackOf(projection, arrived, get)
  const simple = !arrived.forEntropy && !arrived.forMeanLogit
  const collected = () => arrived.forLogSumExp && mul(get('pull'), unsqueeze(arrived.forLogSumExp, -1))
  const rowOf = () => column && mul(rowsOf(gather(head.weight, targets), hidden), column)
  return {
    hidden: () => sumOf(simple ? collected() : back?.('hidden'), rowOf()),
    weight: () => sumOf(back?.('weight'), column && scatterRows(mul(hidden, column), targets, vocabulary!, row)),
    bias: () => sumOf(back?.('bias'), hit && scatterRows(hit, targets, vocabulary!, [])),
  }
}

const sumOf = (a: Tensor | undefined, b: Tensor | undefined): Tensor | undefined => (a && b ? add(a, b) : (a ?? b))

/** What arrived for the normaliser, the entropy and the mean logit; each [N]. */
interface Arrived {
  readonly forLogSumExp: Tensor | undefined
  readonly forEntropy: Tensor | undefined
  readonly forMeanLogit: Tensor | undefined
}

/** The second walk, which computes what is asked of it; undefined where nothing arrived. */
const walkBackOf = (
  { hidden, head, shape, chunks }: Projection,
  arrived: Arrived,
  get: (name: Statistic) => Tensor,
): ((name: GradientName) => Tensor) | undefined => {
  const signal = arrived.forLogSumExp ?? arrived.forEntropy ?? arrived.forMeanLogit
  if (!signal) return undefined
  const { weight, bias } = head
  const known = { logSumExp: get('logSumExp'), entropy: arrived.forEntropy && get('entropy') }
  const kept = chunks(weight, bias).length === 1 ? get('logits') : undefined
  return deferred({
    name: 'vocabularyWalkBack',
    operands: { hidden, weight, bias, ...arrived, ...known, signal, kept },
    results: gradientTypes(hidden, weight),
    expand: (given, wanted) => {
      const pieces = chunks(given.weight, given.bias)
      const gradientAt = (logits: Tensor) => logitGradient(logits, given, weight.shape[0] as number)
      return walkBack({ ...given, chunks: pieces, shape, wanted, gradientAt })
    },
  })
}

/** What arrived, and the statistics it refers to. */
interface Known extends Arrived {
  readonly logSumExp: Tensor
  readonly entropy: Tensor | undefined
}

/** Gradient for the logits: p·(ḡ − h̄·(log p + H)) + m̄/V, where bars are what arrived for log Σ, entropy and mean. */
const logitGradient = (logits: Tensor, arrived: Known, vocabulary: number): Tensor => {
  const { forLogSumExp, forEntropy, forMeanLogit, logSumExp, entropy } = arrived
  const logProbs = sub(logits, unsqueeze(logSumExp, -1))
  const factors: Tensor[] = []
  if (forLogSumExp) factors.push(unsqueeze(forLogSumExp, -1))
  if (forEntropy) factors.push(neg(mul(add(logProbs, unsqueeze(entropy!, -1)), unsqueeze(forEntropy, -1))))
  const terms: Tensor[] = []
  if (factors.length > 0) terms.push(mul(exp(logProbs), factors.reduce(add)))
  if (forMeanLogit) terms.push(mul(unsqueeze(forMeanLogit, -1), 1 / vocabulary))
  return broadcastTo(terms.reduce(add), logits.shape)
}
