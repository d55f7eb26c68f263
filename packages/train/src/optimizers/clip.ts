import { add, div, minimum, mul, sqrt, square, sum, type Tensor } from '@qilin-med/tensor'

/** √Σx² of a flat vector: the global norm of all gradients in it. */
export const globalNorm = (gradients: Tensor): Tensor => sqrt(sum(square(gradients)))

/**
 * The gradients scaled so that their global norm is at most `maxNorm`, and the norm before.
 * The factor is min(1, maxNorm / (norm + 1e-6)), as `torch.nn.utils.clip_grad_norm_` has it.
 */
export const clipByGlobalNorm = (gradients: Tensor, maxNorm: number): [clipped: Tensor, norm: Tensor] => {
  const norm = globalNorm(gradients)
  if (maxNorm === Number.POSITIVE_INFINITY) return [gradients, norm]
  return [mul(gradients, minimum(div(maxNorm, add(norm, 1e-6)), 1)), norm]
}
