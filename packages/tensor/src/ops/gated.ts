import type { Tensor } from '../tensor'
import { customGradient } from '../transform/custom-gradient'
import { add, mul, sigmoid, silu, sub } from './elementwise'

/**
 * silu(gate) · up, the gated unit of Llama's feed-forward layers (Shazeer 2020). Both operands have one shape.
 *
 * Its gradient for the gate is d · (h + σ(gate) · (up − h)) with h the result: σ + silu · (1 − σ) times `up`, in fewer
 * passes over arrays that are the largest of a step.
 */
export const gatedSilu = (gate: Tensor, up: Tensor): Tensor => {
  const [result] = customGradient({
    forward: (g, u) => mul(silu(g!), u!),
    backward: ({ inputs: [g, u], outputs: [h] }, d) => [
      () => mul(d!, add(h!, mul(sigmoid(g!), sub(u!, h!)))),
      () => mul(d!, silu(g!)),
    ],
  })(gate, up)
  return result!
}
