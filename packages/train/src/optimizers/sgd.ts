import { add, mul, sub } from '@qilin-med/tensor'
import { type Optimizer, type OptimizerOptions, scheduleOf } from './optimizer'
import { rateOf, withL2 } from './weight-decay'

/** Options of `sgd`. */
export interface SgdOptions extends OptimizerOptions {
  /** Share of the last step that is kept; 0 for none. */
  readonly momentum?: number
  /** Look ahead along the momentum. */
  readonly nesterov?: boolean
}

/** Gradient descent, with momentum and L2 regularisation where asked for. Numbers equal `torch.optim.SGD`. */
export const sgd = ({ momentum = 0, nesterov = false, weightDecay = 0, ...options }: SgdOptions): Optimizer => ({
  name: 'sgd',
  learningRate: scheduleOf(options.learningRate),
  settings: { momentum, nesterov, weightDecay },
  init: ({ size }) => ({ ...(momentum !== 0 && { velocity: new Float32Array(size) }) }),
  scalars: (_, rate) => ({ rate }),
  update: ({ parameters, gradients, state, scalars }, layout) => {
    const groups = { ...options, weightDecay }
    const g = withL2(gradients, parameters, layout, groups)
    const rate = rateOf(scalars.rate!, layout, groups)
    if (momentum === 0) return { parameters: sub(parameters, mul(g, rate)), state }
    const velocity = add(mul(state.velocity!, momentum), g)
    const direction = nesterov ? add(g, mul(velocity, momentum)) : velocity
    return { parameters: sub(parameters, mul(direction, rate)), state: { velocity } }
  },
})
