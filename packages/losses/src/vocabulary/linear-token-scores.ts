import {
  add,
  after,
  arange,
  cast,
  concat,
  constantSource,
  customGradient,
  type Dim,
  DTypeError,
  defineOp,
  exp,
  gather,
  matmul,
  mul,
  neg,
  ShapeError,
  sameShape,
  scatterRows,
  shapeText,
  stopGradient,
  sub,
  sum,
  Tensor,
  zeros,
} from '@qilin-med/tensor'
import { LossError } from '../errors'
import type { TokenScores, TokenStatistic } from '../types'
import {
  type Chunk,
  chunksOf,
  type LogitShape,
  logitsOf,
  type OutputHead,
  rowsOf,
  slopeOf,
  vocabularyOf,
} from './output-head'
import { column, type Extra, type Statistics, vocabularyPass } from './pass'

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
  /** Statistics that will be asked for, to be collected in the same walk over the vocabulary; others cost one more. */
  readonly statistics?: readonly TokenStatistic[]
  /** Largest number of words whose logits are in memory at a time, as [N, chunk]; default 8192. */
  readonly chunk?: number
}

/**
 * Scores of N labelled tokens from hidden states and the weight of the output layer: log-probabilities, entropy and more,
 * without the logits [N, V]. The vocabulary is walked in chunks, and the gradient walks it again.
 *
 * @param hidden  [N, D] hidden states of the labelled positions, after the final norm
 * @param head    the output layer
 * @param targets [N] int32, the token to predict at each position, in [0, V)
 * @throws ShapeError, DTypeError while tracing, when operands do not fit
 * @see TRL 1.16, `trl/kernels/chunked_logprob.py`; Wijmans et al. 2024 (https://arxiv.org/abs/2411.09009)
 */
export const linearTokenScores = (
  hidden: Tensor,
  head: OutputHead,
  targets: Tensor,
  options: LinearTokenScoresOptions = {},
): TokenScores => {
  const { temperature = 1, statistics = [], chunk = 8192 } = options
  const vocabulary = vocabularyOf('linearTokenScores', hidden, head)
  checkTargets(hidden, targets)
  if (!(temperature > 0))
    throw new LossError(
      'option',
      `linearTokenScores: expected a temperature above 0, got ${temperature}. Use 1 for none.`,
      { loss: 'linearTokenScores', operand: 'temperature' },
    )
  const shape: LogitShape = { scale: head.scale ?? 1, softcap: head.softcap, temperature }
  const chunks = chunksOf(head, vocabulary, chunk)
  const walk = (extras: readonly Extra[]) => vocabularyPass(hidden, chunks, targets, shape, extras)
  return differentiable({ hidden, head, targets, shape, chunks, vocabulary, walk, statistics }, options)
}

const checkTargets = (hidden: Tensor, targets: Tensor): void => {
  if (targets.dtype !== 'int32' && targets.dtype !== 'int64')
    throw new DTypeError(
      `linearTokenScores: expected targets int32, got ${targets.dtype}${shapeText(targets.shape)}. Cast them with cast(x, 'int32').`,
      { op: 'linearTokenScores' },
    )
  if (!sameShape(targets.shape, [hidden.shape[0]!]))
    throw new ShapeError(
      `linearTokenScores: expected one target per hidden state, got ${shapeText(hidden.shape)} and ${shapeText(targets.shape)}. Pass targets [${hidden.shape[0]}].`,
      { op: 'linearTokenScores', shapes: [shapeText(hidden.shape), shapeText(targets.shape)] },
    )
}

interface Projection {
  readonly hidden: Tensor
  readonly head: OutputHead
  readonly targets: Tensor
  readonly shape: LogitShape
  readonly chunks: readonly Chunk[]
  readonly vocabulary: number
  readonly statistics: readonly TokenStatistic[]
  walk(extras: readonly Extra[]): Statistics
}

const extraOf: Readonly<Record<TokenStatistic, Extra | undefined>> = {
  entropy: 'expectedLogit',
  correct: 'correct',
  sumSquaredProbs: 'sumSquaredProbs',
  meanLogit: 'meanLogit',
  logSumExp: undefined,
}

/** The statistics with their shared gradient: one walk back over the vocabulary, whichever of them were used. */
const differentiable = (projection: Projection, options: LinearTokenScoresOptions): TokenScores => {
  const { hidden, statistics } = projection
  const known: Partial<Record<keyof Statistics, Tensor>> = {
    ...projection.walk(statistics.flatMap((name) => extraOf[name] ?? [])),
  }
  const get = (name: Extra): Tensor => {
    known[name] ??= projection.walk([name])[name]!
    return known[name]
  }
  const taps = tapsOf(projection, () => ({ target, logSum, entropy: entropy() }))
  const target = withGradient(known.target!, taps.target)
  const logSum = withGradient(known.logSumExp!, taps.logSumExp)
  const entropy = once(() => withGradient(sub(known.logSumExp!, get('expectedLogit')), taps.entropy))
  const meanLogit = once(() => withGradient(get('meanLogit'), taps.meanLogit))
  const rows = hidden.shape[0]!
  return {
    logProbs: sub(target, logSum),
    sequences: options.sequences ?? zeros([rows], 'int32'),
    offsets: options.offsets ?? cast(arange(rows), 'int32'),
    sequenceCount: options.sequenceCount ?? 1,
    entropy,
    meanLogit,
    logSumExp: () => logSum,
    correct: () => stopGradient(get('correct')),
    sumSquaredProbs: () => stopGradient(get('sumSquaredProbs')),
  }
}

const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}

const withGradient = (value: Tensor, tap: Tensor): Tensor =>
  customGradient({ forward: () => value, backward: (_, g) => [g] })(tap)[0]!

/** Where the gradients of the statistics arrive. */
interface Taps {
  readonly target: Tensor
  readonly logSumExp: Tensor
  readonly entropy: Tensor
  readonly meanLogit: Tensor
}

interface Differentiated {
  readonly target: Tensor
  readonly logSum: Tensor
  readonly entropy: Tensor
}

type Cotangents = Partial<Record<keyof Taps, Tensor>>

const tapNames = ['target', 'logSumExp', 'entropy', 'meanLogit'] as const

/**
 * Four empty-handed results of the hidden states and the head: the statistics are attached to them, so that their
 * gradients meet in one rule, which knows which of them there are.
 */
const tapsOf = (projection: Projection, differentiated: () => Differentiated): Taps => {
  const { hidden, head } = projection
  const first = tapOp([hidden, head.weight, ...(head.bias ? [head.bias] : [])], (received) => {
    const named = Object.fromEntries(tapNames.map((name, i) => [name, received[i]])) as Cotangents
    return gradients(projection, differentiated, named)
  })
  const [target, logSumExp, entropy, meanLogit] = tapNames.map((_, index) => new Tensor(first.node, index))
  return { target: target!, logSumExp: logSumExp!, entropy: entropy!, meanLogit: meanLogit! }
}

type TapRule = (cotangents: readonly (Tensor | undefined)[]) => readonly ((() => Tensor) | undefined)[]

const tapOp = defineOp<TapRule>({
  name: 'linearTokenScores',
  infer: ([hidden]) => tapNames.map(() => ({ dtype: 'float32', shape: [hidden!.shape[0]!] })),
  gradient: ({ attributes: rule }, cotangents) => rule(cotangents),
  lower: (onnx, _, { outputs }) =>
    outputs.map(({ shape }) => onnx.node('Expand', [onnx.constant('float32', [], [0]), onnx.shape(shape)])),
  evaluate: (_, __, { outputs }) => outputs.map(({ shape }) => ({ shape, data: new Float64Array(shape[0]!) })),
})

/** Gradients for hidden states, weight and bias, each computed when it is wanted. */
const gradients = (
  projection: Projection,
  differentiated: () => Differentiated,
  cotangents: Cotangents,
): (() => Tensor)[] => {
  const { hidden, head, targets, vocabulary, shape } = projection
  const walk = once(() => gradientWalk(projection, differentiated, cotangents))
  // The one-hot part of the gradient is a look-up, not a product.
  const hit = once(() => cotangents.target && mul(cotangents.target, slopeOf(differentiated().target, shape)))
  const plus = (dense: Tensor | undefined, sparse: Tensor | undefined) =>
    dense && sparse ? add(dense, sparse) : (dense ?? sparse)!
  const row = () => hit() && mul(rowsOf(gather(head.weight, targets), hidden), column(hit()!))
  return [
    () => plus(walk().hidden, row()),
    () =>
      plus(walk().weight, hit() && scatterRows(mul(hidden, column(hit()!)), targets, vocabulary, [hidden.shape[1]!])),
    () => plus(walk().bias, hit() && scatterRows(hit()!, targets, vocabulary, [])),
  ]
}

interface WalkGradients {
  readonly hidden: Tensor | undefined
  readonly weight: Tensor | undefined
  readonly bias: Tensor | undefined
}

/** The dense part: recomputes the logits of each chunk and sends their gradients to all operands. */
const gradientWalk = (
  { hidden, head, shape, chunks, vocabulary }: Projection,
  differentiated: () => Differentiated,
  cotangents: Cotangents,
): WalkGradients => {
  const { logSumExp: gradZ, entropy: gradH, meanLogit: gradM } = cotangents
  if (!gradZ && !gradH && !gradM) return { hidden: undefined, weight: undefined, bias: undefined }
  const trained = !constantSource(head.weight)
  const parts: { hidden: Tensor; weight: Tensor | undefined; bias: Tensor | undefined }[] = []
  let signal = sum((gradZ ?? gradH ?? gradM)!)
  for (const chunk of chunks) {
    const rows = after(hidden, signal)
    const logits = logitsOf(rows, chunk, shape)
    const gradient = logitGradient(logits, differentiated(), { gradZ, gradH, gradM, vocabulary })
    const raw = mul(gradient, slopeOf(logits, shape))
    const part = {
      hidden: matmul(raw, rowsOf(chunk.weight, rows)),
      weight: trained ? matmul(raw, rows, { transposeA: true }) : undefined,
      bias: head.bias && sum(raw, { axes: 0 }),
    }
    parts.push(part)
    signal = [part.hidden, part.weight].flatMap((x) => (x ? [sum(stopGradient(x))] : [])).reduce(add)
  }
  return {
    hidden: parts.map((part) => part.hidden).reduce(add),
    weight: trained
      ? concat(
          parts.map((part) => part.weight!),
          0,
        )
      : undefined,
    bias:
      head.bias &&
      concat(
        parts.map((part) => part.bias!),
        0,
      ),
  }
}

interface LogitCotangents {
  readonly gradZ: Tensor | undefined
  readonly gradH: Tensor | undefined
  readonly gradM: Tensor | undefined
  readonly vocabulary: number
}

/** Gradient for the logits: p·(z̄ − h̄·(log p + H)) + m̄/V, with bars for what arrived. */
const logitGradient = (
  logits: Tensor,
  { logSum, entropy }: Differentiated,
  { gradZ, gradH, gradM, vocabulary }: LogitCotangents,
): Tensor => {
  const logProbs = sub(logits, column(logSum))
  const terms: Tensor[] = []
  if (gradZ) terms.push(column(gradZ))
  if (gradH) terms.push(neg(mul(add(logProbs, column(entropy)), column(gradH))))
  const dense = terms.length ? mul(exp(logProbs), terms.reduce(add)) : undefined
  const flat = gradM && mul(column(gradM), 1 / vocabulary)
  if (dense && flat) return add(dense, flat)
  return dense ?? add(mul(logits, 0), flat!)
}
