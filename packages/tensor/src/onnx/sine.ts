import type { Lowering } from './lowering'

/** π as four float32 numbers of few bits, whose products with whole and half numbers below 2^15 are exact. */
const parts = [3.140625, 0.000965118408203125, 2.5331974029541016e-6, 1.9841871548575973e-9]
/** sin r ≈ r + r³·(c₀ + c₁r² + c₂r⁴ + c₃r⁶) within 2^−23 for |r| ≤ π/2; minimax. */
const coefficients = [-0.16666659712791443, 0.00833307858556509, -0.00019810690719168633, 2.6083159809786594e-6]

/**
 * Nodes for the sine or cosine of a float32 x. WebGPU promises its own to 2^−11 only, and only between −π and π, which
 * spoils rotary positions; these are exact to float32 up to |x| = 10^5 (Cody and Waite's reduction). Elsewhere it is one node.
 */
export const lowerSine = (onnx: Lowering, x: string, { cosine }: { readonly cosine: boolean }): string => {
  if (onnx.target !== 'webgpu') return onnx.node(cosine ? 'Cos' : 'Sin', [x])
  const number = (value: number) => onnx.constant('float32', [], [value])
  const [add, sub, mul] = ['Add', 'Sub', 'Mul'].map(
    (type) => (a: string, b: string | number) => onnx.node(type, [a, typeof b === 'number' ? number(b) : b]),
  ) as [Step, Step, Step]
  const floor = (a: string) => onnx.node('Floor', [a])
  const turns = mul(x, 1 / Math.PI)
  const whole = floor(cosine ? turns : add(turns, 0.5))
  const halves = cosine ? add(whole, 0.5) : whole
  const r = parts.reduce((rest, part) => sub(rest, mul(halves, part)), x) // x − halves·π, in [−π/2, π/2]
  const square = mul(r, r)
  const series = coefficients
    .toReversed()
    .reduce((sum: string | undefined, c) => (sum ? add(mul(sum, square), c) : number(c)), undefined)!
  const sine = add(r, mul(mul(r, square), series))
  const odd = sub(whole, mul(floor(mul(whole, 0.5)), 2)) // 0 or 1
  const sign = cosine ? sub(mul(odd, 2), 1) : add(mul(odd, -2), 1)
  return mul(sine, sign)
}

type Step = (a: string, b: string | number) => string
