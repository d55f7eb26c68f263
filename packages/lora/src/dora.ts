import type { Module, Network } from '@qilin-med/models'
import { add, div, matmul, mul, sqrt, square, stopGradient, sub, sum, type Tensor, transpose } from '@qilin-med/tensor'
import { factorNames, magnitudeName } from './layout'

/** Length of each output's row of a weight in its stored layout; float64 sums. */
export const rowNorms = ({ kind, inFeatures, outFeatures }: Module, weight: Float32Array): Float32Array => {
  const [outStride, inStride] = kind === 'linear' ? [inFeatures, 1] : [1, outFeatures]
  return Float32Array.from({ length: outFeatures }, (_, o) => {
    let total = 0
    for (let i = 0; i < inFeatures; i++) total += weight[o * outStride + i * inStride]! ** 2
    return Math.sqrt(total)
  })
}

/**
 * Factor m / ‖W + s·B·A‖ of each output (Liu et al. 2024, eq. 5). No gradient passes through the norm (§4.3), which
 * stands for a constant.
 */
export const magnitudeScale = (
  base: Network,
  module: Module,
  parameters: Readonly<Record<string, Tensor>>,
  scaling: number,
): Tensor => {
  const [a, b] = factorNames(module).map((name) => parameters[name]!)
  const stored = base.parameter(`${module.path}.weight`)
  const weight = module.kind === 'conv1d' ? transpose(stored, [1, 0]) : stored
  const turned = add(weight, matmul(b!, a!, { alpha: scaling })) // [out, in]
  const norm = sqrt(sum(square(stopGradient(turned)), { axes: -1 }))
  return div(parameters[magnitudeName(module.path)]!, norm)
}

/**
 * What DoRA adds to a layer's output: (m/‖·‖ − 1)·W·x + (m/‖·‖)·update.
 *
 * @param plain  W·x without bias
 * @param update s·B·A·x
 */
export const doraChange = (scale: Tensor, plain: Tensor, update: Tensor): Tensor =>
  add(mul(sub(scale, 1), plain), mul(scale, update))
