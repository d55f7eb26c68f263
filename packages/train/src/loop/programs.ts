import type { LossResult, Metric } from '@qilin-med/losses'
import {
  add,
  type Compiled,
  compile,
  div,
  f32,
  flattenBy,
  i64,
  mul,
  type Runtime,
  stopGradient,
  type Tensor,
  type TensorType,
  unflatten,
  valueAndGrad,
  zeros,
} from '@qilin-med/tensor'
import type { TrainableModel } from '../model'
import { clipByGlobalNorm } from '../optimizers/clip'
import type { Optimizer } from '../optimizers/optimizer'
import { type Objective, type StepTensors, scoresOf } from './objective'
import type { Policy } from './policy'

/** Flat vectors of a run that stay on the runtime: `parameters`, and the optimiser's state by name. */
export type HeldTensors = Readonly<Record<string, Tensor>>

/** What a program tells about one micro-batch: sums and weights, as scalars. */
export type Report = LossResult

/** Numbers of one optimiser step, as scalars. */
type Scalars = Readonly<Record<string, Tensor>>

/** What the programs of a run are made from. */
export interface ProgramParts<Network = unknown> {
  readonly runtime: Runtime
  readonly model: TrainableModel<Network>
  readonly policy: Policy<Network>
  readonly objective: Objective
  readonly optimizer: Optimizer
  /** Largest global norm of the gradients; Infinity for no clipping. */
  readonly clip: number
  /** Passed to the runtime; see `LoadOptions` of `@qilin-med/tensor`. */
  readonly prepack?: boolean | undefined
  /** Passed to `compile`: steps name the operation that gave the first number that is none. */
  readonly checkFinite?: boolean | undefined
}

/** A whole step of one micro-batch in one call. */
export type FusedStep = Compiled<
  [held: HeldTensors, batch: StepTensors, dropoutKey: Tensor, scalars: Scalars],
  [HeldTensors, Report, { gradNorm: Tensor }]
>

/** Adds the gradient of one micro-batch's loss sum. */
export type AccumulateStep = Compiled<
  [held: { gradients: Tensor }, batch: StepTensors, dropoutKey: Tensor, parameters: Tensor],
  [{ gradients: Tensor }, Report]
>

/** Divides the added gradients by the weight, steps, and clears them. */
export type UpdateStep = Compiled<
  [held: HeldTensors & { gradients: Tensor }, weight: Tensor, scalars: Scalars],
  [HeldTensors & { gradients: Tensor }, { gradNorm: Tensor }]
>

/** One call per step: loss, gradient, clipping and optimiser. */
export const fusedStep = (parts: ProgramParts): FusedStep =>
  compile(
    (held: HeldTensors, batch: StepTensors, dropoutKey: Tensor, scalars: Scalars) => {
      const { report, gradients } = differentiate(parts, held.parameters!, batch, dropoutKey)
      const [next, gradNorm] = optimize(parts, held, gradients, report.weight, scalars)
      return [next, report, { gradNorm }]
    },
    {
      ...loading(parts, 'train-step'),
      inputs: [heldTypes(parts), parts.objective.types, i64(2), scalarTypes(parts)],
    },
  ) as FusedStep

/** The first half of an accumulated step. */
export const accumulateStep = (parts: ProgramParts): AccumulateStep => {
  const flat = f32(parts.policy.layout.size)
  return compile(
    (held: { gradients: Tensor }, batch: StepTensors, dropoutKey: Tensor, parameters: Tensor) => {
      const { report, gradients } = differentiate(parts, parameters, batch, dropoutKey)
      return [{ gradients: add(held.gradients, gradients) }, report]
    },
    { ...loading(parts, 'train-accumulate'), inputs: [{ gradients: flat }, parts.objective.types, i64(2), flat] },
  ) as AccumulateStep
}

/** The second half of an accumulated step. */
export const updateStep = (parts: ProgramParts): UpdateStep => {
  const flat = f32(parts.policy.layout.size)
  return compile(
    ({ gradients, ...held }: HeldTensors & { gradients: Tensor }, weight: Tensor, scalars: Scalars) => {
      const [next, gradNorm] = optimize(parts, held, gradients, weight, scalars)
      return [{ ...next, gradients: zeros([parts.policy.layout.size]) }, { gradNorm }]
    },
    {
      ...loading(parts, 'train-update'),
      inputs: [{ ...heldTypes(parts), gradients: flat }, f32(), scalarTypes(parts)],
    },
  ) as UpdateStep
}

/** Loss of a micro-batch without gradient and without dropout. */
export const evaluateStep = (
  parts: Omit<ProgramParts, 'optimizer' | 'clip'>,
): Compiled<[parameters: Tensor, batch: StepTensors], Report> =>
  compile(
    (parameters: Tensor, batch: StepTensors) => {
      const { model, policy, objective } = parts
      return reportOf(objective.evaluate(model, policy.network(unflatten(parameters, policy.layout)), batch))
    },
    { ...loading(parts, 'evaluate'), carry: false, inputs: [f32(parts.policy.layout.size), parts.objective.types] },
  ) as Compiled<[Tensor, StepTensors], Report>

/** Log-probabilities [N] of the labelled tokens under `network`. */
export const scoreStep = <Network>(
  {
    runtime,
    model,
    types,
    prepack,
  }: Pick<ProgramParts<Network>, 'runtime' | 'model' | 'prepack'> & {
    readonly types: Readonly<Record<string, TensorType>>
  },
  network: () => Network,
): Compiled<[batch: StepTensors], Tensor> =>
  compile((batch: StepTensors) => scoresOf(model, network(), batch, 'preference').logProbs, {
    runtime,
    name: 'reference',
    inputs: [types],
    ...(prepack !== undefined && { prepack }),
  })

const loading = (
  { runtime, prepack, checkFinite = false }: Pick<ProgramParts, 'runtime' | 'prepack' | 'checkFinite'>,
  name: string,
) => ({
  runtime,
  name,
  carry: true,
  checkFinite,
  ...(prepack !== undefined && { prepack }),
})

const heldTypes = ({ policy: { layout }, optimizer }: ProgramParts): Record<string, TensorType> => ({
  parameters: f32(layout.size),
  ...Object.fromEntries(Object.entries(optimizer.init(layout)).map(([name, { length }]) => [name, f32(length)])),
})

const scalarTypes = ({ optimizer }: ProgramParts): Record<string, TensorType> =>
  Object.fromEntries(Object.keys(optimizer.scalars(0, 0)).map((name) => [name, f32()]))

/** Loss of a micro-batch, and the gradient of its sum as a flat vector: joined once, whatever the number of arrays. */
const differentiate = (
  { model, policy, objective }: ProgramParts,
  flat: Tensor,
  batch: StepTensors,
  dropoutKey: Tensor,
): { report: Report; gradients: Tensor } => {
  const key = objective.kind === 'token' ? dropoutKey : undefined // dropout would blur the comparison of pairs
  const lossOf = (parameters: Record<string, Tensor>): [Tensor, LossResult] => {
    const result = objective.evaluate(model, policy.network(parameters, key), batch)
    return [result.sum, result]
  }
  const [[, result], gradients] = valueAndGrad(lossOf)(unflatten(flat, policy.layout))
  return { report: reportOf(result), gradients: flattenBy(gradients, policy.layout) }
}

const reportOf = ({ sum, weight, metrics }: LossResult): Report => ({
  ...frozen({ sum, weight }),
  metrics: Object.fromEntries(Object.entries(metrics).map(([name, metric]) => [name, frozen(metric)])),
})

const frozen = ({ sum, weight }: Metric): Metric => ({ sum: stopGradient(sum), weight: stopGradient(weight) })

/** One optimiser step on the mean gradient. */
const optimize = (
  { policy: { layout }, optimizer, clip }: ProgramParts,
  { parameters, ...state }: HeldTensors,
  summed: Tensor,
  weight: Tensor,
  scalars: Scalars,
): [HeldTensors, gradNorm: Tensor] => {
  const mean = mul(summed, div(1, weight))
  const [gradients, norm] = clipByGlobalNorm(mean, clip)
  const next = optimizer.update({ parameters: parameters!, gradients, state, scalars }, layout)
  const ordered = Object.fromEntries(Object.keys(state).map((name) => [name, next.state[name]!]))
  return [{ parameters: next.parameters, ...ordered }, norm]
}
