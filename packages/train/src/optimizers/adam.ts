import { add, div, maximum, mul, sqrt, square, sub, type Tensor } from '@qilin-med/tensor'
import { type Optimizer, type OptimizerOptions, type OptimizerState, scheduleOf } from './optimizer'
import { decayed, rateOf, withL2 } from './weight-decay'

/** Options of `adamw` and `adam`; the defaults are PyTorch's. */
export interface AdamOptions extends OptimizerOptions {
  /** Decay rates of the mean and of the mean square of the gradients. */
  readonly betas?: readonly [number, number]
  readonly epsilon?: number
  /** Divide by the largest mean square so far (Reddi et al. 2018). */
  readonly amsgrad?: boolean
}

/**
 * AdamW: weights shrink by rate · λ, beside the gradient step.
 *
 * @see Loshchilov and Hutter 2019 (https://arxiv.org/abs/1711.05101); numbers equal `torch.optim.AdamW`
 */
export const adamw = ({ weightDecay = 0.01, ...options }: AdamOptions): Optimizer =>
  adamFamily('adamw', { ...options, weightDecay }, true)

/**
 * Adam, with L2 regularisation (λ · weight added to the gradient) where `weightDecay` is given.
 *
 * @see Kingma and Ba 2015 (https://arxiv.org/abs/1412.6980); numbers equal `torch.optim.Adam`
 */
export const adam = ({ weightDecay = 0, ...options }: AdamOptions): Optimizer =>
  adamFamily('adam', { ...options, weightDecay }, false)

const adamFamily = (name: string, options: AdamOptions & { weightDecay: number }, decoupled: boolean): Optimizer => {
  const { learningRate, betas = [0.9, 0.999], epsilon = 1e-8, amsgrad = false, weightDecay } = options
  const [beta1, beta2] = betas
  return {
    name,
    learningRate: scheduleOf(learningRate),
    settings: { betas, epsilon, amsgrad, weightDecay },
    init: ({ size }) => ({
      firstMoment: new Float32Array(size),
      secondMoment: new Float32Array(size),
      ...(amsgrad && { largestSecondMoment: new Float32Array(size) }),
    }),
    scalars: (step, rate) => ({
      rate,
      stepSize: rate / (1 - beta1 ** (step + 1)),
      rootCorrection: Math.sqrt(1 - beta2 ** (step + 1)),
    }),
    update: ({ parameters, gradients, state, scalars }, layout) => {
      const start = decoupled ? decayed(parameters, scalars.rate!, layout, options) : parameters
      const g = decoupled ? gradients : withL2(gradients, parameters, layout, options)
      const next = moments(g, state, beta1, beta2)
      const denominator = add(
        div(sqrt(next.largestSecondMoment ?? next.secondMoment), scalars.rootCorrection!),
        epsilon,
      )
      const step = mul(div(next.firstMoment, denominator), rateOf(scalars.stepSize!, layout, options))
      return { parameters: sub(start, step), state: next }
    },
  }
}

type Moments = { firstMoment: Tensor; secondMoment: Tensor; largestSecondMoment?: Tensor }

const moments = (g: Tensor, state: OptimizerState, beta1: number, beta2: number): Moments => {
  const secondMoment = add(mul(state.secondMoment!, beta2), mul(square(g), 1 - beta2))
  return {
    firstMoment: add(mul(state.firstMoment!, beta1), mul(g, 1 - beta1)),
    secondMoment,
    ...(state.largestSecondMoment && { largestSecondMoment: maximum(state.largestSecondMoment, secondMoment) }),
  }
}
