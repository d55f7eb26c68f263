import { add, constant, type FlatLayout, mul, sub, type Tensor } from '@qilin-med/tensor'
import { decaysByName, type OptimizerOptions } from './optimizer'
import { perEntry } from './per-entry'

type Groups = Pick<OptimizerOptions, 'weightDecay' | 'decays' | 'rateScale'>

/** `rate`, times each parameter's own factor: a scalar when all have factor 1. */
export const rateOf = (rate: Tensor, layout: FlatLayout, { rateScale = () => 1 }: Groups): Tensor =>
  perEntry(
    layout,
    ({ name, shape }) => rateScale(name, shape),
    (scale) => mul(rate, scale),
  )

/** Parameters shrunk by rate · λ where they decay. */
export const decayed = (parameters: Tensor, rate: Tensor, layout: FlatLayout, options: Groups): Tensor => {
  const { weightDecay = 0, decays = decaysByName, rateScale = () => 1 } = options
  if (weightDecay === 0) return parameters
  const strength = perEntry(
    layout,
    ({ name, shape }) => (decays(name, shape) ? rateScale(name, shape) * weightDecay : 0),
    (factor) => (factor === 0 ? constant(1) : sub(1, mul(rate, factor))),
  )
  return mul(parameters, strength)
}

/** Gradients with λ · weight added where parameters decay: L2 regularisation. */
export const withL2 = (gradients: Tensor, parameters: Tensor, layout: FlatLayout, options: Groups): Tensor => {
  const { weightDecay = 0, decays = decaysByName } = options
  if (weightDecay === 0) return gradients
  const strength = perEntry(
    layout,
    ({ name, shape }) => (decays(name, shape) ? weightDecay : 0),
    (factor) => constant(factor),
  )
  return add(gradients, mul(parameters, strength))
}
