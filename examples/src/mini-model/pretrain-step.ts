import { hiddenStates, type LanguageModel, outputHead, projectToVocabulary } from '@qilin-med/models'
import {
  add,
  type Compiled,
  compile,
  constant,
  dimensionSize,
  div,
  type FlatLayout,
  f32,
  flattenBy,
  gather,
  i32,
  logSumExp,
  minimum,
  mul,
  reshape,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  takeAlongAxis,
  unflatten,
  unsqueeze,
  valueAndGrad,
} from '@qilin-med/tensor'

/** What a step carries from call to call: parameters and the two moments of AdamW, each [P]. */
export interface PretrainState<T> {
  readonly parameters: T
  readonly first: T
  readonly second: T
}

interface Batch {
  readonly ids: Tensor
  readonly positions: Tensor
  readonly segments: Tensor
  readonly sources: Tensor
  readonly targets: Tensor
}

/** Numbers of one step: learning rate, and 1 − β₁ᵗ and 1 − β₂ᵗ. */
interface Rates {
  readonly rate: Tensor
  readonly firstCorrection: Tensor
  readonly secondCorrection: Tensor
}

/** The step as a program: state in, state out, loss and gradient norm beside it. */
export type PretrainStep = Compiled<
  [PretrainState<Tensor>, Batch, Rates],
  [PretrainState<Tensor>, { loss: Tensor; norm: Tensor }]
>

const [beta1, beta2, epsilon, decay, maxNorm] = [0.9, 0.98, 1e-8, 0.05, 1]

/** Mean cross-entropy of the labelled positions; logits are computed for those only. */
const lossOf = (model: LanguageModel, parameters: Record<string, Tensor>, batch: Batch): Tensor => {
  const net = model.network(parameters)
  const hidden = reshape(hiddenStates(model.config, net, batch), [-1, model.config.hiddenSize])
  const logits = projectToVocabulary(outputHead(model.config, net), gather(hidden, batch.sources))
  const chosen = reshape(takeAlongAxis(logits, unsqueeze(batch.targets, 1)), ['N'])
  return div(sum(sub(logSumExp(logits, { axes: -1 }), chosen)), dimensionSize('N', 'float32'))
}

/** 1 for matrices, 0 for norm weights: what weight decay acts on. */
const decayMask = ({ entries, size }: FlatLayout): Tensor => {
  const data = new Float32Array(size)
  for (const { shape, offset, size: length } of entries) if (shape.length > 1) data.fill(1, offset, offset + length)
  return constant({ dtype: 'float32', shape: [size], data })
}

/** One optimiser step of full-parameter training: forward, gradient, clipping to norm 1, AdamW, in one program. */
export const pretrainStep = (model: LanguageModel, layout: FlatLayout): PretrainStep => {
  const mask = decayMask(layout)
  const step = (
    state: PretrainState<Tensor>,
    batch: Batch,
    { rate, firstCorrection, secondCorrection }: Rates,
  ): [PretrainState<Tensor>, { loss: Tensor; norm: Tensor }] => {
    const objective = (parameters: Record<string, Tensor>) => lossOf(model, parameters, batch)
    const [loss, gradients] = valueAndGrad(objective)(unflatten(state.parameters, layout))
    const flat = flattenBy(gradients, layout)
    const norm = sqrt(sum(square(flat)))
    const gradient = mul(flat, minimum(div(maxNorm, add(norm, 1e-6)), 1))
    const first = add(mul(state.first, beta1), mul(gradient, 1 - beta1))
    const second = add(mul(state.second, beta2), mul(square(gradient), 1 - beta2))
    const update = div(div(first, firstCorrection), add(sqrt(div(second, secondCorrection)), epsilon))
    const shrunk = mul(state.parameters, sub(1, mul(mul(mask, rate), decay)))
    return [
      { parameters: sub(shrunk, mul(update, rate)), first, second },
      { loss, norm },
    ]
  }
  const flat = f32(layout.size)
  const rows = i32('B', 'T')
  return compile(step, {
    runtime: model.runtime,
    carry: true,
    inputs: [
      { parameters: flat, first: flat, second: flat },
      { ids: rows, positions: rows, segments: rows, sources: i32('N'), targets: i32('N') },
      { rate: f32(), firstCorrection: f32(), secondCorrection: f32() },
    ],
    name: 'pretrain',
  })
}
