import {
  add,
  after,
  cast,
  constantSource,
  div,
  exp,
  log,
  max,
  maximum,
  mul,
  type OperandGradient,
  ShapeError,
  sameDim,
  shapeText,
  stopGradient,
  sub,
  sum,
  type Tensor,
  type TensorType,
  unsqueeze,
} from '@qilin-med/tensor'
import { deferred, type Received } from './deferred'
import {
  checkDivergence,
  type DivergenceOptions,
  type DivergenceTerms,
  divergenceTerms,
  joinTerms,
  logitGradient,
} from './divergence'
import { type Chunk, chunksOf, type LogitShape, logitsOf, type OutputHead, vocabularyOf } from './output-head'
import { gradientTypes, walkBack } from './walk-back'

/** Hidden states of labelled positions and the layer that turns them into logits. */
export interface Projection {
  /** [N, D] */
  readonly hidden: Tensor
  readonly head: OutputHead
}

/** Options of `linearDivergence`. */
export interface LinearDivergenceOptions extends DivergenceOptions {
  /** Largest number of words whose logits are in memory at a time; default 8192. */
  readonly chunk?: number
}

/** What `linearDivergence` returns, each [N]. */
export interface Divergence {
  /** In nats; gradient for the student. */
  readonly divergence: Tensor
  /** Entropy of the student; no gradient. */
  entropy(): Tensor
}

/**
 * Divergence of a student's predictions from a teacher's at N positions, from their hidden states and output layers,
 * without logits [N, V]. The models may differ in width; no gradient flows into the teacher.
 *
 * @throws ShapeError, LossError while tracing, when operands or options do not fit
 * @see TRL 1.16 `trl/kernels/chunked_divergence.py`; Agarwal et al. 2023, eq. 1, https://arxiv.org/abs/2306.13649
 */
export const linearDivergence = (
  student: Projection,
  teacher: Projection,
  options: LinearDivergenceOptions = {},
): Divergence => {
  const { beta = 0.5, temperature = 1, chunk = 8192 } = options
  check(student, teacher, { beta, temperature })
  const setup = setupOf(student, teacher, { beta, temperature, chunk })
  const perToken: TensorType = { dtype: 'float32', shape: [student.hidden.shape[0]!] }
  const get = deferred({
    name: 'vocabularyDivergence',
    operands: setup.operands,
    results: {
      divergence: perToken,
      mean: perToken,
      entropy: perToken,
      studentNormaliser: perToken,
      teacherNormaliser: perToken,
    },
    expand: (given) => walk(given, setup),
    gradient: (received, own) => gradients(setup, received, own),
  })
  return { divergence: get('divergence'), entropy: () => stopGradient(get('entropy')) }
}

const check = (student: Projection, teacher: Projection, options: DivergenceOptions): void => {
  checkDivergence('linearDivergence', options)
  const words = [student, teacher].map(({ hidden, head }) => vocabularyOf('linearDivergence', hidden, head))
  if (words[0] === words[1] && sameDim(student.hidden.shape[0]!, teacher.hidden.shape[0]!)) return
  const shapes = [student, teacher].map(
    ({ hidden, head }) => `${shapeText(hidden.shape)} and ${shapeText(head.weight.shape)}`,
  )
  throw new ShapeError(
    `linearDivergence: student and teacher must have the same tokens and vocabulary, got ${shapes[0]} for the student, ${shapes[1]} for the teacher. Use models with one tokenizer.`,
    { op: 'linearDivergence', shapes },
  )
}

/** The operands by name, and everything about them that is not a tensor. */
interface Setup {
  readonly operands: Given
  readonly beta: number
  readonly student: Side
  readonly teacher: Side
}

interface Side {
  readonly shape: LogitShape
  chunks(weight: Tensor, bias: Tensor | undefined): readonly Chunk[]
}

interface Given {
  readonly [name: string]: Tensor | undefined
  readonly hidden: Tensor
  readonly weight: Tensor
  readonly bias: Tensor | undefined
  readonly teacherHidden: Tensor
  readonly teacherWeight: Tensor
  readonly teacherBias: Tensor | undefined
}

const setupOf = (student: Projection, teacher: Projection, options: Required<LinearDivergenceOptions>): Setup => {
  const sideOf = ({ head }: Projection): Side => {
    const frozen = constantSource(head.weight) ? chunksOf(head, options.chunk) : undefined
    return {
      shape: { scale: head.scale ?? 1, softcap: head.softcap, temperature: options.temperature },
      chunks: (weight, bias) => frozen ?? chunksOf({ weight, ...(bias && { bias }) }, options.chunk),
    }
  }
  return {
    operands: {
      hidden: cast(student.hidden, 'float32'),
      weight: student.head.weight,
      bias: student.head.bias,
      teacherHidden: stopGradient(cast(teacher.hidden, 'float32')),
      teacherWeight: teacher.head.weight,
      teacherBias: teacher.head.bias,
    },
    beta: options.beta,
    student: sideOf(student),
    teacher: sideOf(teacher),
  }
}

const walk = (given: Given, { student, teacher, beta }: Setup) => {
  const pieces = student.chunks(given.weight, given.bias)
  const teacherPieces = teacher.chunks(given.teacherWeight, given.teacherBias)
  const studentNormaliser = normaliser(given.hidden, pieces, student.shape)
  const teacherNormaliser = normaliser(given.teacherHidden, teacherPieces, teacher.shape)
  let total: DivergenceTerms | undefined
  pieces.forEach((piece, index) => {
    const signal = total && [total.divergence, total.mass, total.entropy].map((x) => sum(x)).reduce(add)
    const wait = (x: Tensor) => (signal ? after(x, signal) : x)
    const own = logitsOf(wait(given.hidden), piece, student.shape)
    const theirs = logitsOf(wait(given.teacherHidden), teacherPieces[index]!, teacher.shape)
    const part = divergenceTerms(
      sub(own, unsqueeze(studentNormaliser, -1)),
      sub(theirs, unsqueeze(teacherNormaliser, -1)),
      beta,
    )
    total = total ? joinTerms(total, part) : part
  })
  const { divergence, entropy, excess, mass } = total!
  // The normaliser is rounded; relative to the mass it leaves, the gradients of the logits still add up to 0.
  return { divergence, entropy, mean: excess && div(excess, mass), studentNormaliser, teacherNormaliser }
}

/** log Σ e^logit, [N]. */
const normaliser = (hidden: Tensor, chunks: readonly Chunk[], shape: LogitShape): Tensor => {
  let seen: { readonly top: Tensor; readonly mass: Tensor } | undefined
  for (const chunk of chunks) {
    const logits = logitsOf(seen ? after(hidden, sum(stopGradient(seen.mass))) : hidden, chunk, shape)
    const highest = max(logits, { axes: -1 })
    const top = seen ? maximum(seen.top, highest) : highest
    const added = sum(exp(sub(logits, unsqueeze(top, -1))), { axes: -1 })
    seen = { top, mass: seen ? add(mul(seen.mass, exp(sub(seen.top, top))), added) : added }
  }
  return add(seen!.top, log(seen!.mass))
}

type Result = 'divergence' | 'mean' | 'entropy' | 'studentNormaliser' | 'teacherNormaliser'

const gradients = (
  { operands, student, teacher, beta }: Setup,
  received: Received<Result>,
  own: (name: Result) => Tensor,
): Record<string, OperandGradient> | undefined => {
  const { divergence: signal, ...others } = received
  if (!signal || Object.values(others).some(Boolean)) return undefined // gradients of gradients
  const { hidden, weight } = operands
  const back = deferred({
    name: 'vocabularyDivergenceBack',
    operands: {
      ...operands,
      signal,
      studentNormaliser: own('studentNormaliser'),
      teacherNormaliser: own('teacherNormaliser'),
      mean: beta === 0 ? undefined : own('mean'),
    },
    results: gradientTypes(hidden, weight),
    expand: (given, wanted) => {
      const teacherPieces = teacher.chunks(given.teacherWeight, given.teacherBias)
      const gradientAt = (logits: Tensor, index: number, rows: Tensor) => {
        const teacherRows = after(given.teacherHidden, sum(stopGradient(rows)))
        const s = sub(logits, unsqueeze(given.studentNormaliser, -1))
        const theirs = logitsOf(teacherRows, teacherPieces[index]!, teacher.shape)
        const t = sub(theirs, unsqueeze(given.teacherNormaliser, -1))
        return mul(logitGradient(s, t, beta, given.mean), unsqueeze(given.signal, -1))
      }
      const chunks = student.chunks(given.weight, given.bias)
      return walkBack({ ...given, chunks, shape: student.shape, wanted, kept: undefined, gradientAt })
    },
  })
  return { hidden: () => back('hidden'), weight: () => back('weight'), bias: () => back('bias') }
}
