import { add, mul, sign, sub } from '@qilin-med/tensor'
import { type Optimizer, type OptimizerOptions, scheduleOf } from './optimizer'
import { decayed, rateOf } from './weight-decay'

/** Options of `lion`. */
export interface LionOptions extends OptimizerOptions {
  /** Weight of the past in the sign, and decay of the momentum. */
  readonly betas?: readonly [number, number]
}

/** Lion: steps of one size along the sign of an interpolated momentum. @see Chen et al. 2023 (https://arxiv.org/abs/2302.06675) */
export const lion = ({ betas = [0.9, 0.99], weightDecay = 0, ...options }: LionOptions): Optimizer => ({
  name: 'lion',
  learningRate: scheduleOf(options.learningRate),
  settings: { betas, weightDecay },
  init: ({ size }) => ({ momentum: new Float32Array(size) }),
  scalars: (_, rate) => ({ rate }),
  update: ({ parameters, gradients, state, scalars }, layout) => {
    const [beta1, beta2] = betas
    const groups = { ...options, weightDecay }
    const direction = sign(add(mul(state.momentum!, beta1), mul(gradients, 1 - beta1)))
    const start = decayed(parameters, scalars.rate!, layout, groups)
    return {
      parameters: sub(start, mul(direction, rateOf(scalars.rate!, layout, groups))),
      state: { momentum: add(mul(state.momentum!, beta2), mul(gradients, 1 - beta2)) },
    }
  },
})
